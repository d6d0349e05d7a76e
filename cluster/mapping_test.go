package cluster_test

import (
	"context"
	"testing"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/topology"
)

// A doubler embeds a bolt that maps, and does more.
type doubler struct{ bolt.Mapping[int, int] }

func (d doubler) Execute(ctx context.Context, v int, out *bolt.Collector[int]) error {
	out.Emit(-v)
	return d.Mapping.Execute(ctx, v, out)
}

// What embeds a mapping is executed, and not taken for one.
func TestEmbeddedMapping(t *testing.T) {
	const n = 1000
	same := bolt.Map(func(_ context.Context, v int) (int, error) { return v, nil })
	b, got := newBook(n), tally[int]{}
	d := topology.New("test")
	s := topology.Spout(d, "src", b.New)
	s = topology.Bolt(s.By(grouping.Shuffle), "double", func() doubler { return doubler{same()} })
	topology.Bolt(s.By(grouping.Shuffle), "end", got.sink())
	if err := start(t, topology.Must(d.Build()), quiet).Wait(); err != nil {
		t.Fatal(err)
	}
	b.check(t, n, 0)
	if len(got.seen) != 2*n-1 {
		t.Errorf("%d values arrived, want %d", len(got.seen), 2*n-1)
	}
}

//go:build !race

package engine

import (
	"runtime"
	"testing"

	"github.com/waterspout/waterspout/codec"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/internal/mesh"
	"github.com/waterspout/waterspout/tuple"
)

// A record is a value of 117 bytes on the wire.
type record struct {
	ID, Time, Author int64
	Text             [114]byte
}

// together is how many records go at once: a section has room for them.
const together = 200

// A carrier is a route and the inlet that it leads to, without the net between.
type carrier struct {
	*route[record]
	in *queue[record]
	ts []tuple.Tuple[record]
}

func newCarrier(t testing.TB) *carrier {
	b := newBench(1, 1, grouping.Global[int])
	b.core.run.opts.Abroad = true
	out := &Output[record]{node: b.core.comp.node}
	c, err := codec.Of[record]()
	if err != nil {
		t.Fatal(err)
	}
	in, err := newQueue(b.core, out)
	if err != nil {
		t.Fatal(err)
	}
	r := &carrier{route: &route[record]{run: b.core.run, place: newPlace(), from: b.core.comp, codec: packingOf(c)}, in: in.(*queue[record])}
	for i := range together {
		r.ts = append(r.ts, tuple.Tuple[record]{
			Value:   record{ID: int64(i), Author: 3},
			Lineage: tuple.Lineage{Link: tuple.Link{Root: tuple.NewRoot(1, uint64(i)), Edge: 1}},
		})
	}
	if b, err := c.Append(nil, r.ts[0].Value); err != nil || len(b) != 117 {
		t.Fatalf("a record has %d bytes: %v", len(b), err)
	}
	return r
}

// carry takes tuples from the route to the inlet, and returns how many came.
func (c *carrier) carry() (n int) {
	c.reset()
	c.next = 0
	c.pack(c.ts, nil, len(c.ts))
	if c.count != len(c.roots) {
		return 0
	}
	c.in.deliver(mesh.Parcel{Body: c.body, Count: c.count})
	c.in.take()
	for c.in.each(len(c.ts), func(v *record, _ *tuple.Lineage) { n++ }) {
	}
	c.in.box().Idle()
	return n
}

// BenchmarkRoute encodes and decodes records of 117 bytes; an operation is one.
func BenchmarkRoute(b *testing.B) {
	c := newCarrier(b)
	b.SetBytes(117)
	b.ReportAllocs()
	for n := 0; n < b.N; {
		k := c.carry()
		if k == 0 {
			b.Fatal("nothing came")
		}
		n += k
	}
}

// TestRouteAllocatesNothing per tuple, but for what a whole section costs.
func TestRouteAllocatesNothing(t *testing.T) {
	c := newCarrier(t)
	if n := c.carry(); n != together {
		t.Fatalf("%d of %d came", n, together)
	}
	var before, after runtime.MemStats
	const rounds = 200
	runtime.ReadMemStats(&before)
	for range rounds {
		c.carry()
	}
	runtime.ReadMemStats(&after)
	if per := float64(after.Mallocs-before.Mallocs) / (rounds * together); per > 0.02 {
		t.Errorf("%.3f allocations per tuple", per)
	}
}

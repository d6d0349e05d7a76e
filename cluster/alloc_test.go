//go:build !race

package cluster_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/topology"
)

// TestNoAllocationPerTuple runs the same topology over few and over many tuples:
// what it allocates must not grow with them.
func TestNoAllocationPerTuple(t *testing.T) {
	for _, tracked := range []bool{false, true} {
		const few, many = 100_000, 600_000
		base := mallocs(t, tracked, few)
		per := float64(mallocs(t, tracked, many)-base) / (many - few)
		if per > 0.005 {
			t.Errorf("tracked %t: %.4f allocations per tuple, want 0", tracked, per)
		}
	}
}

func mallocs(t *testing.T, tracked bool, n int) int64 {
	d := topology.New("test")
	s := topology.Spout(d, "src", spout.Of(func(_ context.Context, out *spout.Emitter[int]) error {
		for i := range n {
			if tracked {
				out.EmitID(i, uint64(i))
			} else {
				out.Emit(i)
			}
		}
		return nil
	}))
	m := topology.Bolt(s.By(grouping.Shuffle), "map", bolt.Map(func(_ context.Context, v int) (int, error) { return v, nil }), topology.Parallelism(2))
	topology.Bolt(topology.Map(m.By(grouping.Value), func(v int) int { return v + 1 }), "sink", sinkOf(func(int) error { return nil }), topology.Parallelism(2))
	topo := topology.Must(d.Build())
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := cluster.Run(context.Background(), topo, quiet); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	return int64(after.Mallocs - before.Mallocs)
}

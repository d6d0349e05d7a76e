//go:build !race

package cluster_test

import (
	"context"
	"runtime"
	"sync"
	"testing"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/topology"
	"github.com/waterspout/waterspout/transport/inproc"
)

// TestNoAllocationBetweenWorkers is TestNoAllocationPerTuple on two workers: what
// crosses costs what its frames cost, and they hold hundreds.
func TestNoAllocationBetweenWorkers(t *testing.T) {
	const few, many = 20_000, 220_000
	base := workerMallocs(t, few)
	per := float64(workerMallocs(t, many)-base) / (many - few)
	t.Logf("%.4f allocations per tuple", per)
	if per > 0.05 {
		t.Errorf("%.4f allocations per tuple", per)
	}
}

func workerMallocs(t *testing.T, n int) int64 {
	net := inproc.New()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var group sync.WaitGroup
	for _, name := range []string{"a", "b"} {
		group.Go(func() {
			d := topology.New("test")
			s := topology.Spout(d, "src", spout.Of(func(_ context.Context, out *spout.Emitter[int]) error {
				for i := range n {
					out.EmitID(i, uint64(i))
				}
				return nil
			}))
			m := topology.Bolt(s.By(grouping.Shuffle), "map", bolt.Map(func(_ context.Context, v int) (int, error) { return v, nil }), topology.Parallelism(2))
			topology.Bolt(m.By(grouping.Value), "sink", sinkOf(func(int) error { return nil }), topology.Parallelism(2))
			if err := cluster.Run(context.Background(), must(d), cluster.Worker{Net: net, Name: name, Log: quiet.Log}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	runtime.ReadMemStats(&after)
	return int64(after.Mallocs - before.Mallocs)
}

package cluster_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/topology"
	"github.com/waterspout/waterspout/transport/inproc"
)

// TestAbroad: what went to another worker is what was executed where the spout's
// only task was not, in the workers' own Stats and in those of the cluster.
func TestAbroad(t *testing.T) {
	const n = 20_000
	values := make([]int, n)
	net, seen := inproc.New(), &tally[int]{}
	var stats [2]cluster.Stats
	var group sync.WaitGroup
	for w := range stats {
		group.Go(func() {
			d := topology.New("test")
			s := topology.Spout(d, "src", spout.Replay(spout.FromSlice(values), spout.Retry{}, nil))
			m := topology.Bolt(s.By(grouping.Shuffle), "map", bolt.Map(func(_ context.Context, v int) (int, error) { return v, nil }), topology.Parallelism(4))
			topology.Bolt(m.By(grouping.LocalOrShuffle), "sink", seen.sink(), topology.Parallelism(2))
			r, err := cluster.Start(t.Context(), topology.Must(d.Build()), cluster.Worker{Net: net, Name: fmt.Sprint("w", w), Log: quiet.Log})
			if err != nil {
				t.Error(err)
				return
			}
			if err := r.Wait(); err != nil {
				t.Error(err)
			}
			stats[w] = r.Stats()
		})
	}
	group.Wait()
	var abroad, want uint64
	for _, s := range stats {
		src, bolts := s.Components[0], s.Components[1]
		if abroad += src.Abroad; src.Emitted == 0 {
			want += bolts.Executed
		}
	}
	if abroad != want || want == 0 || want == n {
		t.Errorf("%d of %d tuples of the spout went to the other worker, which executed %d", abroad, n, want)
	}
	all, err := cluster.ReadStats(t.Context(), net, "test")
	if err != nil || len(all) != 1 {
		t.Fatalf("%d clusters, %v", len(all), err)
	}
	if got := all[0].Components; got[0].Abroad != want || got[2].Abroad != 0 {
		t.Errorf("the cluster's stats have %d and %d, want %d and 0", got[0].Abroad, got[2].Abroad, want)
	}
}

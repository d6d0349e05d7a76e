package cluster_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/topology"
	"github.com/waterspout/waterspout/transport/inproc"
)

// TestChooserKeepsItsState: a grouping is called once for a sending task, so that what its
// Chooser remembers holds while tasks that read move. This one gives each new key to the next
// task.
func TestChooserKeepsItsState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, j := inproc.New(), &journal{}
		var runs, made, chosen, here atomic.Int64
		inTurn := func(to grouping.Targets) grouping.Chooser[int] {
			of := map[int]int{}
			mine := made.Add(1)
			return func(key int) int {
				i, ok := of[key]
				if !ok {
					i = len(of) % to.Count
					of[key] = i
				}
				if mine == made.Load() {
					chosen.Store(int64(len(of)))
					here.Store(int64(len(to.Here())))
				}
				return i
			}
		}
		topo := func() *topology.Topology {
			d := topology.New("test")
			s := topology.Spout(d, "src", spout.Of(func(ctx context.Context, out *spout.Emitter[int]) error {
				runs.Add(1)
				for i := 0; ctx.Err() == nil && out.EmitID(i%7, uint64(i)); i++ {
					time.Sleep(10 * time.Millisecond)
				}
				return nil
			}))
			topology.Bolt(s.By(inTurn), "work", sinkOf(func(int) error { return nil }), topology.Parallelism(4))
			return must(d)
		}
		a := start(t, topo(), j.worker(net, "a"))
		time.Sleep(5 * time.Second)
		if runs.Load() != 1 || made.Load() != 1 || chosen.Load() != 7 || here.Load() != 4 {
			t.Errorf("alone: %d runs, %d choosers, %d keys, %d tasks here", runs.Load(), made.Load(), chosen.Load(), here.Load())
		}
		b := start(t, topo(), j.worker(net, "b"))
		time.Sleep(10 * time.Second)
		if made.Load() != runs.Load() || here.Load() == 0 || here.Load() == 4 {
			t.Errorf("together: %d runs, %d choosers, %d tasks here", runs.Load(), made.Load(), here.Load())
		}
		a.Abort(nil)
		b.Abort(nil)
		_, _ = a.Wait(), b.Wait()
	})
}

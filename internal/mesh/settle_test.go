package mesh_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/transport/inproc"
	"github.com/waterspout/waterspout/tuple"
)

// TestLossInHand: while the handler is being told of a loss nothing is settled, since
// the failures that it makes of that are still to come. Who went now would take them along.
func TestLossInHand(t *testing.T) {
	for name, lose := range map[string]func(t *testing.T, net *inproc.Net, a, b *worker){
		"sent in vain": func(t *testing.T, net *inproc.Net, a, b *worker) {
			net.Cut("b")
			a.Peer("b").Outlet(here).Send(section(8, 1))
			synctest.Wait()
			a.Peer("b").Outlet(here).Close() // the task has moved: no position is told again
			net.Heal("b")
			time.Sleep(time.Second) // a beat shows the gap
		},
		"never confirmed": func(t *testing.T, net *inproc.Net, a, b *worker) {
			net.Cut("b")
			a.Peer("b").Outlet(here).Send(section(8, 1))
			time.Sleep(6 * time.Second)
			net.Heal("b")
		},
		"received in vain": func(t *testing.T, net *inproc.Net, a, b *worker) {
			s := section(8, 1)
			s.Inlet++ // which the handler refuses
			b.Peer("a").Outlet(here).Send(s)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				net := inproc.New()
				a, b := two(t, net)
				a.tell = make(chan struct{})
				lose(t, net, a, b)
				pass(time.Second)
				if a.Quiet() || settles(t, a) {
					t.Error("settled before it was told what was lost")
				}
				close(a.tell)
				pass(time.Second)
				if !a.Quiet() || !settles(t, a) || b.fails[1].Kind != tuple.Lost {
					t.Errorf("not settled, or failed %v", b.fails)
				}
			})
		})
	}
}

func settles(t *testing.T, w *worker) bool {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	return w.Settle(ctx) == nil
}

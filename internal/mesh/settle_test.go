package mesh_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/internal/frame"
	"github.com/waterspout/waterspout/transport"
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

// TestReportRefused: a report that the net did not take has told nobody anything. Who
// went now would leave the peer with frames that count as lost.
func TestReportRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := &refusing{Net: inproc.New()}
		a, b := two(t, net)
		a.Peer("b").Outlet(here).Send(section(8, 1))
		synctest.Wait()
		net.reports.Store(1)
		b.settle(t)
		if !a.Quiet() {
			t.Error("settled, and the peer does not know what came")
		}
		if n := b.Stats().Unsent; n != 1 {
			t.Errorf("%d frames unsent", n)
		}
	})
}

// A refusing net takes none of so many reports of data.
type refusing struct {
	*inproc.Net
	reports atomic.Int32
}

func (n *refusing) Open(ctx context.Context, cluster, worker string) (transport.Conn, error) {
	conn, err := n.Net.Open(ctx, cluster, worker)
	return refuser{conn, n}, err
}

type refuser struct {
	transport.Conn
	net *refusing
}

func (c refuser) Send(ctx context.Context, to string, lane transport.Lane, f []byte) error {
	hd, _, _, err := frame.Open(f)
	if err == nil && hd.Kind == frame.Report && hd.Link == frame.DataLink && c.net.reports.Add(-1) >= 0 {
		return errors.New("not now")
	}
	return c.Conn.Send(ctx, to, lane, f)
}

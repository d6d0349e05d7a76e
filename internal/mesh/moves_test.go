package mesh_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/internal/mesh"
	"github.com/waterspout/waterspout/transport"
	"github.com/waterspout/waterspout/transport/inproc"
)

// next is the instance of here's task that comes after it.
var next = mesh.Address{Task: here.Task, Instance: here.Instance + 1}

// A lossyNet has lossyConns.
type lossyNet struct {
	transport.Net
	lose *atomic.Bool
}

func (n lossyNet) Open(ctx context.Context, cluster, worker string) (transport.Conn, error) {
	c, err := n.Net.Open(ctx, cluster, worker)
	return lossyConn{c, n.lose}, err
}

// TestMovesLeaveNothing: of a task that moves and moves neither end keeps anything but
// its present instance, whatever is on its way when an instance ends; and there is credit
// for the last one.
func TestMovesLeaveNothing(t *testing.T) {
	for name, lossy := range map[string]bool{"whole": false, "lossy": true} {
		synctest.Test(t, func(t *testing.T) {
			var lose atomic.Bool
			a, b := two(t, lossyNet{inproc.New(), &lose})
			b.slow = true
			const moves = 100
			at := here
			out := a.Peer("b").Outlet(at)
			sent := uint64(0)
			for n := range moves {
				for range 3 {
					sent++
					out.Send(section(1000, sent))
				}
				lose.Store(lossy && n%3 == 0)
				if n%2 == 0 {
					pass(10 * time.Millisecond)
				}
				old := at
				at.Instance += 2
				b.Accept(at)
				b.Accept(mesh.Address{Task: at.Task, Instance: at.Instance - 1}) // nobody asks for it
				to := a.Peer("b").Outlet(at)
				out.Close()
				if out = to; a.Peer("b").Outlet(old).Send(section(8, 1)) {
					t.Error("sent to an instance that is gone")
				}
				pass(300 * time.Millisecond) // reports with all grants, also of the former one
				lose.Store(false)
				b.Refuse(old)
				b.Refuse(mesh.Address{Task: at.Task, Instance: at.Instance - 1})
				pass(300 * time.Millisecond)
				b.take()
			}
			a.settle(t)
			outlets, _ := a.Peer("b").Held()
			if _, accounts := b.Peer("a").Held(); outlets > 2 || accounts != 1 {
				t.Errorf("%s: after %d moves there are %d outlets and %d accounts", name, moves, outlets, accounts)
			}
			if n := len(b.got) + len(a.lost) + len(b.lost); n != int(sent) || a.Stats().Epochs != 2 || !lossy && len(a.lost) > 0 || lossy && len(a.lost) == 0 {
				t.Errorf("%s: of %d came %d, lost are %d and %d; %+v", name, sent, len(b.got), len(a.lost), len(b.lost), a.Stats())
			}
			b.slow = false
			for range 2000 {
				out.Send(section(2000, sent))
			}
			a.settle(t)
		})
	}
}

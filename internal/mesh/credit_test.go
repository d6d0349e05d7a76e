package mesh_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/acker"
	"github.com/waterspout/waterspout/internal/frame"
	"github.com/waterspout/waterspout/internal/link"
	"github.com/waterspout/waterspout/internal/mesh"
	"github.com/waterspout/waterspout/transport"
	"github.com/waterspout/waterspout/transport/inproc"
)

// TestBlocks: a slow task blocks who sends to it, and nobody else; taking sets
// them free.
func TestBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ws := join(t, "a", "b", "c")
		a, b := ws[0], ws[1]
		other := mesh.Address{Task: 4, Instance: 8}
		b.Accept(here)
		b.Accept(other)
		b.slow = true
		pass(time.Second)
		out := a.Peer("b").Outlet(here)
		sent := uint64(0)
		for !out.Full() {
			sent++
			out.Send(section(10_000, sent))
		}
		if window := int(link.Window(2)); int(sent)*10_021 < window || int(sent-1)*10_021 >= window {
			t.Errorf("blocked after %d sections", sent)
		}
		done := false
		go func() {
			done = out.Send(section(10_000, 999))
		}()
		pass(time.Minute)
		if done || out.Load() != int(sent) {
			t.Errorf("sent without credit, or load %d of %d", out.Load(), sent)
		}
		if !a.Peer("b").Outlet(other).Send(section(8, 1)) {
			t.Error("refused")
		}
		a.Peer("b").Pairs([]acker.Pair{{Root: 5, Word: 9}})
		a.settle(t)
		b.take()
		pass(time.Second)
		if !done || out.Full() || out.Load() != 1 {
			t.Errorf("still blocked %v %v, load %d", !done, out.Full(), out.Load())
		}
		if out.Cost() != cost {
			t.Errorf("a tuple costs %d there", out.Cost())
		}
		if n := a.Stats().Lost; n > 0 {
			t.Errorf("%d frames lost by being slow", n)
		}
	})
}

// TestGrantsFollowTheOffer meets in the moment in which one side has a grant to tell
// and, anew, an epoch to offer: what is told of an epoch before it is offered is not
// believed, and would be told again only after a beat.
func TestGrantsFollowTheOffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := inproc.New()
		var ws []*worker
		held := &held{offer: make(chan struct{})}
		for _, name := range []string{"a", "b"} {
			conn, err := net.Open(t.Context(), "c", name)
			if err != nil {
				t.Fatal(err)
			}
			if name == "b" {
				held.Conn = conn
				conn = held
			}
			ws = append(ws, open(t, name, conn))
		}
		a, b := ws[0], ws[1]
		b.SetPeers([]string{"a"})
		b.Accept(here)
		a.SetPeers([]string{"b"})
		synctest.Wait()
		a.SetPeers(nil) // and its next hello comes while b's first offer is on its way
		a.SetPeers([]string{"b"})
		synctest.Wait()
		close(held.offer)
		synctest.Wait()
		if a.Peer("b").Outlet(here).Full() {
			t.Errorf("no credit: %+v", a.Stats())
		}
	})
}

// A held is a Conn whose first offer of data waits until it is let go.
type held struct {
	transport.Conn
	offer chan struct{}
	once  sync.Once
}

func (h *held) Send(ctx context.Context, to string, lane transport.Lane, f []byte) error {
	if hd, _, _, err := frame.Open(f); err == nil && hd.Kind == frame.Offer && hd.Link == frame.DataLink {
		h.once.Do(func() { <-h.offer })
	}
	return h.Conn.Send(ctx, to, lane, f)
}

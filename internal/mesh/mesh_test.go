package mesh_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/acker"
	"github.com/waterspout/waterspout/internal/frame"
	"github.com/waterspout/waterspout/internal/link"
	"github.com/waterspout/waterspout/internal/mesh"
	"github.com/waterspout/waterspout/transport"
	"github.com/waterspout/waterspout/transport/inproc"
	"github.com/waterspout/waterspout/tuple"
)

func TestDelivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ws := join(t, "a", "b")
		a, b := ws[0], ws[1]
		b.Accept(here)
		pass(time.Second) // a hello that came before b knew a was not answered
		out := a.Peer("b").Outlet(here)
		if out != a.Peer("b").Outlet(here) {
			t.Error("two outlets for one address")
		}
		for n := range uint64(100) {
			if !out.Send(section(100, 2*n+1, 2*n+2)) {
				t.Fatal("refused")
			}
		}
		why := tuple.Failure{Kind: tuple.Rejected, Component: "c", Text: "no", Age: time.Second}
		a.Peer("b").Pairs([]acker.Pair{{Root: 5, Word: 9}, {Root: 6, Word: 1}})
		a.Peer("b").Fail(7, why)
		a.Mark(3, 1)
		a.Mark(3, 0) // goes back, and is ignored
		begun := time.Now()
		a.settle(t)
		if took := time.Since(begun); took > 100*time.Millisecond {
			t.Errorf("settled after %v: reports wait for beats", took)
		}
		pass(time.Second)
		if len(b.got) != 200 || b.got[0] != 1 || b.got[199] != 200 || b.pairs[5] != 9 || b.pairs[6] != 1 || b.fails[7] != why {
			t.Errorf("got %d tuples, pairs %v, failures %v", len(b.got), b.pairs, b.fails)
		}
		if revision, phase := b.Peer("a").Marked(); revision != 3 || phase != 1 || b.marks != 1 {
			t.Errorf("mark %d, %d; told %d times", revision, phase, b.marks)
		}
		if out.Load() != 0 || out.Full() || len(b.lost) > 0 {
			t.Errorf("load %d, lost %v", out.Load(), b.lost)
		}
		before, then := a.Stats(), b.Stats()
		pass(time.Hour)
		if after := a.Stats(); after.FramesSent != before.FramesSent || b.Stats().FramesSent != then.FramesSent {
			t.Errorf("an idle mesh sends: %+v, then %+v", before, after)
		}
		if before.Rejected+then.Rejected > 0 || before.Epochs != 2 {
			t.Errorf("%+v, %+v", before, then)
		}
	})
}

// TestRelease looks at all that ends a blocked Send.
func TestRelease(t *testing.T) {
	for name, release := range map[string]func(a *worker, out *mesh.Outlet){
		"outlet closed": func(a *worker, out *mesh.Outlet) { out.Close(); out.Close() },
		"peer left":     func(a *worker, out *mesh.Outlet) { a.SetPeers(nil) },
		"mesh closed":   func(a *worker, out *mesh.Outlet) { a.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := join(t, "a", "b")[0]
				out := a.Peer("b").Outlet(here) // nobody accepts it
				var results []bool
				go func() { results = append(results, out.Send(section(1, 1))) }()
				pass(time.Minute)
				if len(results) > 0 || !out.Full() {
					t.Fatal("sent to nobody")
				}
				release(a, out)
				synctest.Wait()
				if len(results) != 1 || results[0] || out.Full() || out.Send(section(1, 2)) {
					t.Errorf("sent %v", results)
				}
				pass(time.Second)
				before := a.Stats().FramesSent
				pass(time.Minute)
				if n := a.Stats().FramesSent; n != before {
					t.Error("it still asks for credit")
				}
			})
		})
	}
}

// TestGone: what a peer that left did not confirm is lost; a peer that comes back
// under its name begins anew, on both sides.
func TestGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := inproc.New()
		var ws []*worker
		for _, name := range []string{"a", "b"} {
			conn, err := net.Open(t.Context(), "c", name)
			if err != nil {
				t.Fatal(err)
			}
			ws = append(ws, open(t, name, conn))
		}
		a, b := ws[0], ws[1]
		a.SetPeers([]string{"b"})
		b.SetPeers([]string{"a"})
		b.Accept(here)
		b.Mark(4, 0)
		a.Peer("b").Outlet(here).Send(section(8, 1))
		a.settle(t)
		net.Cut("b")
		a.Peer("b").Outlet(here).Send(section(8, 2))
		a.Peer("b").Pairs([]acker.Pair{{Root: 3, Word: 9}})
		a.Peer("b").Fail(4, tuple.Failure{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := a.Settle(ctx); err == nil {
			t.Error("settled with a worker that is cut off")
		}
		a.SetPeers(nil)
		if a.lost[1] != 0 || a.lost[2] != 1 || a.lost[3] != 1 || a.lost[4] != 1 {
			t.Errorf("lost %v", a.lost)
		}
		net.Heal("b")
		a.SetPeers([]string{"b"})
		a.Peer("b").Outlet(here).Send(section(8, 5))
		a.Accept(here)
		time.Sleep(time.Second)
		if revision, _ := a.Peer("b").Marked(); revision != 4 {
			t.Errorf("mark %d of a peer that had told it before it left", revision)
		}
		b.Peer("a").Outlet(here).Send(section(8, 6))
		pass(time.Second)
		if b.roots[5] != 1 || a.roots[6] != 1 || len(b.lost) > 0 {
			t.Errorf("a got %v, lost %v; b got %v, lost %v", a.got, a.lost, b.got, b.lost)
		}
	})
}

// TestLeaves: who settles before it goes leaves nobody in doubt of what it
// received.
func TestLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ws := join(t, "a", "b")
		a, b := ws[0], ws[1]
		b.Accept(here)
		a.Peer("b").Outlet(here).Send(section(8, 1))
		a.Peer("b").Pairs([]acker.Pair{{Root: 2, Word: 9}})
		synctest.Wait()
		if err := b.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.Close()
		synctest.Wait()
		a.SetPeers(nil)
		if len(b.got) != 1 || b.acked[2] != 1 || len(a.lost) > 0 {
			t.Errorf("got %v, lost %v", b.got, a.lost)
		}
	})
}

// A slowConn takes its time for data, while it is told to.
type slowConn struct {
	transport.Conn
	slow *atomic.Bool
}

func (c slowConn) Send(ctx context.Context, to string, lane transport.Lane, f []byte) error {
	if lane == transport.Data && c.slow.Load() {
		time.Sleep(20 * time.Second)
	}
	return c.Conn.Send(ctx, to, lane, f)
}

// TestSlowNet: a net that takes long for a frame loses nothing by it, and what
// goes the other way does not wait.
func TestSlowNet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := inproc.New()
		var slow atomic.Bool
		var ws []*worker
		for _, name := range []string{"a", "b"} {
			conn, err := net.Open(t.Context(), "c", name)
			if err != nil {
				t.Fatal(err)
			}
			ws = append(ws, open(t, name, slowConn{conn, &slow}))
		}
		a, b := ws[0], ws[1]
		a.SetPeers([]string{"b"})
		b.SetPeers([]string{"a"})
		b.Accept(here)
		time.Sleep(time.Second)
		slow.Store(true)
		for n := range uint64(3) {
			a.Peer("b").Outlet(here).Send(section(40_000, n+1))
		}
		a.Peer("b").Pairs([]acker.Pair{{Root: 5, Word: 9}})
		pass(time.Second)
		if b.acked[5] != 1 {
			t.Error("acks wait behind data")
		}
		a.settle(t)
		if len(b.got) != 3 || len(a.lost) > 0 || a.Stats().Epochs != 2 {
			t.Errorf("got %v, lost %v, %+v", b.got, a.lost, a.Stats())
		}
	})
}

// A lossyConn loses all data, while it is told to.
type lossyConn struct {
	transport.Conn
	lose *atomic.Bool
}

func (c lossyConn) Send(ctx context.Context, to string, lane transport.Lane, f []byte) error {
	if lane == transport.Data && c.lose.Load() {
		return nil
	}
	return c.Conn.Send(ctx, to, lane, f)
}

// TestLostWindow loses all that the credit allows, and a mark: a beat shows it
// (K2), the roots are told, the mark is sent again, and the credit comes back (C1)
// although nothing was sent behind.
func TestLostWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := inproc.New()
		var lose atomic.Bool
		var ws []*worker
		for _, name := range []string{"a", "b"} {
			conn, err := net.Open(t.Context(), "c", name)
			if err != nil {
				t.Fatal(err)
			}
			ws = append(ws, open(t, name, lossyConn{conn, &lose}))
		}
		a, b := ws[0], ws[1]
		a.SetPeers([]string{"b"})
		b.SetPeers([]string{"a"})
		b.Accept(here)
		out := a.Peer("b").Outlet(here)
		pass(time.Second) // the first grant may be told in an epoch that has not begun
		lose.Store(true)
		sent := 0
		for ; !out.Full(); sent++ {
			out.Send(section(10_000, uint64(sent+1)))
		}
		a.Mark(5, 1)
		pass(time.Second)
		if len(a.lost) > 0 || sent == 0 || out.Load() != sent {
			t.Errorf("%d sent, load %d; it cannot know of %d yet", sent, out.Load(), len(a.lost))
		}
		lose.Store(false)
		pass(time.Second)
		if len(a.lost) != sent || out.Load() != 0 || out.Full() || a.Stats().Epochs != 2 {
			t.Errorf("%d of %d lost, load %d, full %v, %+v", len(a.lost), sent, out.Load(), out.Full(), a.Stats())
		}
		if revision, phase := b.Peer("a").Marked(); revision != 5 || phase != 1 {
			t.Errorf("mark %d, %d", revision, phase)
		}
	})
}

// TestConnGone: a Conn that is closed under a mesh loses what was sent, and hangs
// nobody.
func TestConnGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ws := join(t, "a", "b")
		a, b := ws[0], ws[1]
		b.Accept(here)
		out := a.Peer("b").Outlet(here)
		out.Send(section(8, 1))
		a.settle(t)
		a.conn.Close()
		out.Send(section(8, 2))
		a.Peer("b").Pairs([]acker.Pair{{Root: 3, Word: 9}})
		time.Sleep(10 * time.Second)
		a.SetPeers(nil)
		if a.lost[2] != 1 || a.lost[3] != 1 || a.Stats().Unsent == 0 {
			t.Errorf("lost %v, %+v", a.lost, a.Stats())
		}
	})
}

// TestWindows: when peers come, each has a smaller share; when they go, a larger
// one, at once.
func TestWindows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ws := join(t, "a", "b", "c")
		a, b := ws[0], ws[1]
		b.slow = true
		b.Accept(here)
		time.Sleep(time.Second)
		out := a.Peer("b").Outlet(here)
		sent := 0
		for ; !out.Full(); sent++ {
			out.Send(section(10_000, uint64(sent+1)))
		}
		b.SetPeers([]string{"a"})
		pass(time.Second)
		if out.Full() {
			t.Error("the share of the one who left is not used")
		}
		for ; !out.Full(); sent++ {
			out.Send(section(10_000, uint64(sent+1)))
		}
		if sent != int(link.Capacity)/10_021+1 {
			t.Errorf("%d sections of 10 kB", sent)
		}
	})
}

// TestRefused: tuples for an instance that is not here are lost at once (G1), and
// cost no credit.
func TestRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ws := join(t, "a", "b")
		a, b := ws[0], ws[1]
		b.Accept(here)
		out := a.Peer("b").Outlet(here)
		s := section(8, 1, 2)
		s.Inlet = 9 // which the handler does not know
		out.Send(s)
		a.settle(t)
		b.Refuse(here)
		out.Send(section(8, 3))
		pass(time.Second)
		if b.lost[1] != 1 || b.lost[2] != 1 || b.lost[3] != 1 || len(b.got) > 0 {
			t.Errorf("lost %v, got %v", b.lost, b.got)
		}
		b.Accept(next)
		for out, n := a.Peer("b").Outlet(next), uint64(0); n < 2000; n++ {
			out.Send(section(2000, 10+n))
		}
		a.settle(t)
		if len(b.got) != 2000 {
			t.Errorf("got %d", len(b.got))
		}
	})
}

// TestLarge sends what is larger than the window (C5), and what is too large for
// a frame.
func TestLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ws := join(t, "a", "b")
		a, b := ws[0], ws[1]
		b.Accept(here)
		out := a.Peer("b").Outlet(here)
		if out.Send(section(mesh.MaxBody, 1)) {
			t.Error("sent more than a frame holds")
		}
		for n := range uint64(3) {
			if !out.Send(section(5<<20, n+1)) {
				t.Fatal("refused")
			}
		}
		if !out.Send(section(mesh.MaxBody-100, 4)) {
			t.Error("refused the largest")
		}
		a.settle(t)
		if len(b.got) != 4 {
			t.Errorf("got %v", b.got)
		}
	})
}

// TestHostile: frames of strangers are counted, and nothing else.
func TestHostile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ws := join(t, "a", "b")
		a, b := ws[0], ws[1]
		pass(time.Second)
		seal := func(from string, nonce uint64, kind frame.Kind, link frame.Link, body ...byte) []byte {
			f := append(frame.Begin(nil, from), body...)
			frame.Seal(f, frame.Header{Kind: kind, Link: link, Nonce: nonce, Epoch: 1, Sequence: 1})
			return f
		}
		broken := seal("a", nonce, frame.Data, 0, 1, 2, 3)
		broken[len(broken)-1]++
		for reason, f := range map[string][]byte{
			"length":    {1, 2, 3},
			"foreign":   append([]byte("GET / HTTP/1.1"), make([]byte, 100)...),
			"checksum":  broken,
			"nonce":     seal("a", nonce+1, frame.Data, 0),
			"peer":      seal("z", nonce, frame.Data, 0),
			"malformed": seal("a", nonce, frame.Data, 0, 1, 2, 3),
			"epoch":     seal("a", nonce, frame.Data, 0),
		} {
			before := b.Stats()
			for range 3 {
				if err := a.conn.Send(t.Context(), "b", transport.Data, f); err != nil {
					t.Fatal(err)
				}
			}
			pass(time.Second)
			if n := b.Stats().Reasons[reason] - before.Reasons[reason]; n != 3 || b.Stats().Rejected != before.Rejected+3 {
				t.Errorf("%s: %d, %+v", reason, n, b.Stats())
			}
		}
		before := b.Stats()
		for _, f := range [][]byte{
			seal("a", nonce, frame.Data, 1), seal("a", nonce, frame.Acks, 0), seal("a", nonce, frame.Acks, 1, 255, 255, 255, 255),
			seal("a", nonce, frame.Report, 0), seal("a", nonce, frame.Report, 1, 0, 0, 0, 0),
			seal("a", nonce, frame.Stranger, 0), seal("a", nonce, frame.Offer, 1), seal("a", nonce, frame.Data, 0),
		} {
			a.conn.Send(t.Context(), "b", transport.Control, f)
		}
		pass(time.Second)
		if n := b.Stats().Rejected - before.Rejected; n != 6 {
			t.Errorf("%d rejected on the control lane: %v", n, b.Stats().Reasons)
		}
		b.Accept(here)
		a.Peer("b").Outlet(here).Send(section(8, 1))
		a.settle(t)
		if len(b.got) != 1 {
			t.Error("the link is broken")
		}
	})
}

func TestPing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ws := join(t, "a", "b")
		p := ws[0].Peer("b")
		if p.Name() != "b" || ws[0].Peer("z") != nil {
			t.Error("names")
		}
		pass(time.Hour)
		if time.Since(p.Heard()) < time.Minute {
			t.Error("heard of an idle peer")
		}
		p.Ping()
		synctest.Wait()
		if time.Since(p.Heard()) > time.Second {
			t.Error("no answer")
		}
		ws[0].SetPeers([]string{"b", "nobody"})
		pass(time.Minute)
		if !ws[0].Peer("nobody").Heard().IsZero() {
			t.Error("heard of nobody")
		}
	})
}

package inproc_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/waterspout/waterspout/transport"
	"github.com/waterspout/waterspout/transport/inproc"
	"github.com/waterspout/waterspout/transport/transporttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSuite(t *testing.T) {
	transporttest.Run(t, func(*testing.T) transport.Net { return inproc.New() })
}

func open(t *testing.T, net transport.Net, worker string) transport.Conn {
	t.Helper()
	c, err := net.Open(t.Context(), "c", worker)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestBound: Send blocks at a bounded number of frames, per receiver and lane, and
// in a way that a bubble sees.
func TestBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := inproc.New()
		a, b, c := open(t, net, "a"), open(t, net, "b"), open(t, net, "c")
		var group sync.WaitGroup
		var mu sync.Mutex
		sent := map[string]int{}
		for _, to := range []string{"b", "c"} {
			group.Go(func() {
				for a.Send(t.Context(), to, transport.Data, []byte("x")) == nil {
					mu.Lock()
					sent[to]++
					mu.Unlock()
				}
			})
		}
		synctest.Wait()
		full := sent["b"]
		if full == 0 || full > 1024 || sent["c"] != full {
			t.Fatalf("sent %v", sent)
		}
		if _, err := b.Recv(t.Context(), transport.Data); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if sent["b"] != full+1 || sent["c"] != full {
			t.Errorf("after one was received: %v, before %d", sent, full)
		}
		for _, conn := range []transport.Conn{a, b, c} {
			conn.Close()
		}
		group.Wait()
	})
}

// TestOpenWaits: Open blocks while the net is down, in virtual time.
func TestOpenWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := inproc.New()
		net.Down()
		time.AfterFunc(time.Hour, net.Up)
		start := time.Now()
		open(t, net, "a").Close()
		if waited := time.Since(start); waited != time.Hour {
			t.Errorf("waited %s", waited)
		}
		net.Cut("b")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := net.Open(ctx, "c", "b-0a1b"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Open of a worker that is cut off: %v", err)
		}
		open(t, net, "bb").Close()
	})
}

// TestTakenName: a name that is in use is refused.
func TestTakenName(t *testing.T) {
	net := inproc.New()
	a := open(t, net, "a")
	if _, err := net.Open(t.Context(), "c", "a"); err == nil {
		t.Error("opened twice")
	}
	a.Close()
	open(t, net, "a").Close()
}

// TestReleases: each of what ends a Send that waits for a full lane.
func TestReleases(t *testing.T) {
	for name, test := range map[string]struct {
		release func(net *inproc.Net, a, b transport.Conn, cancel func())
		want    error
	}{
		"the peer closes":  {func(_ *inproc.Net, _, b transport.Conn, _ func()) { b.Close() }, nil},
		"the peer is cut":  {func(net *inproc.Net, _, _ transport.Conn, _ func()) { net.Cut("b") }, nil},
		"the peer reads":   {func(_ *inproc.Net, _, b transport.Conn, _ func()) { b.Recv(context.Background(), transport.Data) }, nil},
		"close":            {func(_ *inproc.Net, a, _ transport.Conn, _ func()) { a.Close() }, transport.ErrClosed},
		"the context ends": {func(_ *inproc.Net, _, _ transport.Conn, cancel func()) { cancel() }, context.Canceled},
	} {
		synctest.Test(t, func(t *testing.T) {
			net := inproc.New()
			a, b := open(t, net, "a"), open(t, net, "b")
			ctx, cancel := context.WithCancel(t.Context())
			var full bool
			var err error
			for !full { // until one stays
				sent := make(chan struct{})
				go func() {
					err = a.Send(ctx, "b", transport.Data, nil)
					close(sent)
				}()
				synctest.Wait()
				select {
				case <-sent:
				default:
					full = true
					test.release(net, a, b, cancel)
					<-sent
				}
			}
			if !errors.Is(err, test.want) {
				t.Errorf("%s: Send returned %v, not %v", name, err, test.want)
			}
			cancel()
			a.Close()
			b.Close()
		})
	}
}

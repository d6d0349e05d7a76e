package worker_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/internal/worker"
	"github.com/waterspout/waterspout/transport"
	"github.com/waterspout/waterspout/transport/inproc"
)

// A refusing net lets nobody in while it is told to, as one does whose stores are away.
type refusing struct {
	*inproc.Net
	refuse  atomic.Bool
	refused atomic.Int64
}

var errRefused = errors.New("no stores")

func (r *refusing) Open(ctx context.Context, cluster, worker string) (transport.Conn, error) {
	if r.refuse.Load() {
		r.refused.Add(1)
		return nil, errRefused
	}
	return r.Net.Open(ctx, cluster, worker)
}

// TestJoinsAfreshWhenItMay: a worker that has to join afresh and is refused tries again,
// and says so now and then, until it is let in or told to end. Only its first join may be
// refused for good.
func TestJoinsAfreshWhenItMay(t *testing.T) {
	errEnough := errors.New("enough")
	for name, end := range map[string]struct {
		how  func(w *worker.Worker)
		heal bool
		want error
	}{
		"let in":  {(*worker.Worker).Drain, true, nil},
		"drained": {(*worker.Worker).Drain, false, nil},
		"aborted": {func(w *worker.Worker) { w.Abort(errEnough) }, false, errEnough},
	} {
		synctest.Test(t, func(t *testing.T) {
			net := &refusing{Net: inproc.New()}
			a, err := worker.Start(t.Context(), config(net, "a"))
			if err != nil {
				t.Fatal(err)
			}
			var said atomic.Int64
			c := config(net, "b")
			c.Log = slog.New(slog.NewTextHandler(tripwire{"cannot join afresh", func() { said.Add(1) }}, nil))
			net.refuse.Store(true)
			if _, err := worker.Start(t.Context(), c); !errors.Is(err, errRefused) {
				t.Errorf("%s: Start: %v", name, err)
			}
			net.refuse.Store(false)
			b, err := worker.Start(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(3 * time.Second)
			id := b.ID()
			net.Cut("b")
			time.Sleep(20 * time.Second)
			net.refuse.Store(true)
			net.Heal("b")
			time.Sleep(100 * time.Second)
			if n, m := net.refused.Load(), said.Load(); n < 20 || n > 30 || m != 2 {
				t.Errorf("%s: in 100 s it tried %d times, and said so %d times", name, n, m)
			}
			net.refuse.Store(!end.heal)
			time.Sleep(20 * time.Second)
			if end.heal != (b.ID() != id && len(b.Site().Tenants()) == 2) {
				t.Errorf("%s: %s was %s, with %d tasks", name, b.ID(), id, len(b.Site().Tenants()))
			}
			end.how(b)
			if err := b.Wait(); !errors.Is(err, end.want) || (err == nil) != (end.want == nil) {
				t.Errorf("%s: Wait: %v", name, err)
			}
			drain(t, a)
		})
	}
}

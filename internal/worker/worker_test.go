package worker_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/internal/engine"
	"github.com/waterspout/waterspout/internal/worker"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/transport"
	"github.com/waterspout/waterspout/transport/inproc"
)

// config is of a worker of a topology whose spout emits until it is told to end.
func config(net transport.Net, name string) worker.Config {
	src := &engine.Node{Name: "src", Parallelism: 2, MaxPending: 10, Timeout: time.Minute}
	out := engine.DeclareSpout(src, func() spout.Spout[int] {
		return spout.Func[int](func(ctx context.Context, out *spout.Emitter[int]) error {
			for v := 0; out.EmitID(v, uint64(v)); v++ {
				time.Sleep(10 * time.Millisecond)
			}
			return nil
		})
	})
	work := &engine.Node{Name: "work", Parallelism: 2}
	engine.DeclareBolt(work, []engine.Source[int]{engine.From(out, "Shuffle", grouping.Shuffle[int])}, func() bolt.Bolt[int, int] {
		return bolt.Func[int, int](func(context.Context, int, *bolt.Collector[int]) error { return nil })
	})
	return worker.Config{
		Topology: "test", Fingerprint: "f00d", Nodes: []*engine.Node{src, work}, Net: net, Name: name,
		Log: slog.New(slog.DiscardHandler), Grace: 5 * time.Second,
		Report: func(id string, s *engine.Site, _ map[string]int64) []byte {
			return fmt.Append(nil, id, " ", s.Tasks()[0].Acked)
		},
	}
}

// TestNobodyThere: Start waits for the net no longer than its context lasts, and says
// what it waited for.
func TestNobodyThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := inproc.New()
		net.Down()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := worker.Start(ctx, config(net, "a"))
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "test-f00d") {
			t.Errorf("Start: %v", err)
		}
	})
}

// A tripwire calls a function when a line with its text is logged.
type tripwire struct {
	text string
	trip func()
}

func (w tripwire) Write(p []byte) (int, error) {
	if strings.Contains(string(p), w.text) {
		w.trip()
	}
	return len(p), nil
}

// TestJoinsAfresh: a worker that was cut off for longer than its lease is another
// member afterwards. One that is told to leave, or to end, while it cannot join, does.
func TestJoinsAfresh(t *testing.T) {
	errEnough := errors.New("enough")
	for name, end := range map[string]struct {
		how  func(w *worker.Worker)
		down bool // the net goes before it has joined again
		want error
	}{
		"healed":  {(*worker.Worker).Drain, false, nil},
		"drained": {(*worker.Worker).Drain, true, nil},
		"aborted": {func(w *worker.Worker) { w.Abort(errEnough) }, true, errEnough},
	} {
		synctest.Test(t, func(t *testing.T) {
			net := inproc.New()
			var all []*worker.Worker
			for _, name := range []string{"a", "b"} {
				c := config(net, name)
				if end.down {
					c.Log = slog.New(slog.NewTextHandler(tripwire{"joining afresh", net.Down}, nil))
				}
				w, err := worker.Start(t.Context(), c)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, w)
			}
			time.Sleep(3 * time.Second)
			a, b := all[0], all[1]
			id := b.ID()
			net.Cut("b")
			time.Sleep(20 * time.Second)
			if n := len(a.Site().Tenants()); n != 4 {
				t.Errorf("%s: the other worker has %d tasks", name, n)
			}
			net.Heal("b")
			time.Sleep(10 * time.Second)
			if !end.down && (b.ID() == id || !strings.HasPrefix(b.ID(), "b-") || len(b.Site().Tenants()) != 2) {
				t.Errorf("%s: %s was %s, with %d tasks", name, b.ID(), id, len(b.Site().Tenants()))
			}
			if end.down && b.ID() != id {
				t.Errorf("%s: it joined over a net that is away", name)
			}
			end.how(b)
			select {
			case <-b.Done():
			case <-time.After(20 * time.Second):
				t.Errorf("%s: it goes on", name)
			}
			net.Up()
			if err := b.Wait(); !errors.Is(err, end.want) || (err == nil) != (end.want == nil) {
				t.Errorf("%s: Wait: %v", name, err)
			}
			time.Sleep(10 * time.Second)
			a.Drain()
			if err := a.Wait(); err != nil {
				t.Errorf("%s: the other: %v", name, err)
			}
		})
	}
}

// TestReports: the store keeps what each worker reported last, of all versions, and of
// those that ended a long time ago nothing.
func TestReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := inproc.New()
		conn, err := net.Open(t.Context(), "stats", "reader")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		store, err := conn.Store(t.Context(), "test-stats")
		if err != nil {
			t.Fatal(err)
		}
		const old = 150
		for i := range old {
			if _, err := store.Put(t.Context(), fmt.Sprintf("dead.w-%d", i), fmt.Append(nil, i), 0); err != nil {
				t.Fatal(err)
			}
		}
		w, err := worker.Start(t.Context(), config(net, "a"))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		all, err := worker.Reports(t.Context(), conn, "test")
		if err != nil || len(all) != 2 || all[0].Fingerprint != "f00d" || all[1].Fingerprint != "dead" {
			t.Fatalf("%+v, %v", all, err)
		}
		if got := all[0]; len(got.Reports) != 1 || !slices.Equal(got.Alive, []string{w.ID()}) || !strings.HasPrefix(string(got.Reports[0].Value), w.ID()+" ") {
			t.Errorf("%+v", got)
		}
		if got := all[1]; len(got.Reports) > 100 || len(got.Alive) != 0 || string(got.Reports[len(got.Reports)-1].Value) != fmt.Sprint(old-1) {
			t.Errorf("%d old reports, the last %s", len(got.Reports), got.Reports[len(got.Reports)-1].Value)
		}
		w.Drain()
		if err := w.Wait(); err != nil {
			t.Error(err)
		}
		acked := w.Site().Tasks()[0].Acked
		if all, err = worker.Reports(t.Context(), conn, "test"); err != nil || string(all[0].Reports[0].Value) != fmt.Sprint(w.ID(), " ", acked) || acked == 0 || len(all[0].Alive) != 0 {
			t.Errorf("at the end, with %d acked: %v alive %v, %v", acked, all[0].Reports, all[0].Alive, err)
		}
	})
}

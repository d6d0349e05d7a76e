package worker_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/internal/engine"
	"github.com/waterspout/waterspout/internal/worker"
	"github.com/waterspout/waterspout/transport"
	"github.com/waterspout/waterspout/transport/inproc"
)

// A forgetful net loses the answer to one Put into a store of reports, which was made.
type forgetful struct {
	*inproc.Net
	lose atomic.Bool
}

func (f *forgetful) Open(ctx context.Context, cluster, worker string) (transport.Conn, error) {
	c, err := f.Net.Open(ctx, cluster, worker)
	return stored{c, func(s transport.Store) transport.Store { return forgetfulStore{s, f} }}, err
}

// A stored is a Conn with other stores of reports.
type stored struct {
	transport.Conn
	wrap func(transport.Store) transport.Store
}

func (c stored) Store(ctx context.Context, name string) (transport.Store, error) {
	s, err := c.Conn.Store(ctx, name)
	if err == nil && strings.HasSuffix(name, "-stats") {
		s = c.wrap(s)
	}
	return s, err
}

type forgetfulStore struct {
	transport.Store
	net *forgetful
}

func (s forgetfulStore) Put(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	now, err := s.Store.Put(ctx, key, value, revision)
	if err == nil && s.net.lose.CompareAndSwap(true, false) {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	return now, err
}

// reporting starts a worker whose report changes with each second.
func reporting(t *testing.T, net transport.Net, name string) *worker.Worker {
	t.Helper()
	c := config(net, name)
	c.Report = func(id string, s *engine.Site, _ map[string]int64) []byte {
		return fmt.Append(nil, id, " ", int(s.Uptime().Seconds()))
	}
	w, err := worker.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// drain ends workers.
func drain(t *testing.T, all ...*worker.Worker) {
	t.Helper()
	for _, w := range all {
		w.Drain()
	}
	for _, w := range all {
		if err := w.Wait(); err != nil {
			t.Error(err)
		}
	}
}

// reader opens a net for who reads reports, and the store of those.
func reader(t *testing.T, net transport.Net) (transport.Conn, transport.Store) {
	t.Helper()
	conn, err := net.Open(t.Context(), "stats", "reader")
	if err != nil {
		t.Fatal(err)
	}
	store, err := conn.Store(t.Context(), "test-stats")
	if err != nil {
		t.Fatal(err)
	}
	return conn, store
}

// TestReportsGoOn: a worker reports on after it heard no answer, and after somebody
// removed its report.
func TestReportsGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := &forgetful{Net: inproc.New()}
		conn, store := reader(t, net.Net)
		defer conn.Close()
		w := reporting(t, net, "a")
		read := func() transport.Entry {
			t.Helper()
			e, err := store.Get(t.Context(), "f00d."+w.ID())
			if err != nil {
				t.Fatal(err)
			}
			return e
		}
		for what, disturb := range map[string]func() error{
			"a lost answer": func() error { net.lose.Store(true); return nil },
			"a deletion":    func() error { e := read(); return store.Delete(t.Context(), e.Key, e.Revision) },
		} {
			time.Sleep(5 * time.Second)
			if err := disturb(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Second)
			before := read()
			time.Sleep(5 * time.Second)
			if now := read(); now.Value == nil || now.Revision == before.Revision {
				t.Errorf("since %s the report is %q", what, now.Value)
			}
		}
		drain(t, w)
	})
}

// TestLivingAreKept: who joins clears the oldest reports, but not those of workers that
// run, however many there are.
func TestLivingAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := inproc.New()
		conn, store := reader(t, net)
		defer conn.Close()
		a := config(net, "a") // it reports once
		a.Report = func(id string, _ *engine.Site, _ map[string]int64) []byte { return []byte(id) }
		first, err := worker.Start(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		for i := range 150 {
			if _, err := store.Put(t.Context(), fmt.Sprintf("f00d.w-%d", i), fmt.Append(nil, i), 0); err != nil {
				t.Fatal(err)
			}
		}
		second := reporting(t, net, "b")
		time.Sleep(time.Minute)
		all, err := worker.Reports(t.Context(), conn, "test")
		if err != nil || len(all) != 1 || len(all[0].Alive) != 2 {
			t.Fatalf("%+v, %v", all, err)
		}
		kept := func(report string) bool {
			return slices.ContainsFunc(all[0].Reports, func(e transport.Entry) bool { return string(e.Value) == report })
		}
		if n := len(all[0].Reports); !kept(first.ID()) || kept("49") || !kept("149") || n > 102 {
			t.Errorf("%d reports are kept, one of %s, which runs: %t", n, first.ID(), kept(first.ID()))
		}
		drain(t, first, second)
	})
}

// A restarting store has watches that are interrupted just before they have told all, and
// begin anew: one key has vanished meanwhile.
type restarting struct {
	transport.Store
	gone string
}

func (s restarting) Watch(ctx context.Context) (<-chan transport.Entry, error) {
	from, err := s.Store.Watch(ctx)
	to := make(chan transport.Entry, 10)
	go func() {
		defer close(to)
		var told []transport.Entry
		for e := range from {
			if e.Key != "" {
				told = append(told, e)
				to <- e
				continue
			}
			to <- transport.Entry{Key: s.gone}
			for _, e := range told {
				if e.Key != s.gone {
					to <- e
				}
			}
			to <- e
		}
	}()
	return to, err
}

// A silent store has watches that end before they have told anything.
type silent struct{ transport.Store }

func (silent) Watch(context.Context) (<-chan transport.Entry, error) {
	to := make(chan transport.Entry)
	close(to)
	return to, nil
}

// TestReportsOnce: whoever reads reports while the net restarts has each worker's once,
// and none that has vanished meanwhile.
func TestReportsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := inproc.New()
		conn, store := reader(t, net)
		defer conn.Close()
		if _, err := store.Put(t.Context(), "f00d.w", []byte("old"), 0); err != nil {
			t.Fatal(err)
		}
		w := reporting(t, net, "a")
		time.Sleep(5 * time.Second)
		restarts := stored{conn, func(s transport.Store) transport.Store { return restarting{s, "f00d.w"} }}
		all, err := worker.Reports(t.Context(), restarts, "test")
		if err != nil || len(all) != 1 || len(all[0].Reports) != 1 || !slices.Equal(all[0].Alive, []string{w.ID()}) {
			t.Errorf("%+v, %v", all, err)
		}
		drain(t, w)
		closed := stored{conn, func(s transport.Store) transport.Store { return silent{s} }}
		if all, err := worker.Reports(t.Context(), closed, "test"); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("while the connection is closed: %+v, %v", all, err)
		}
	})
}

package member_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/internal/assign"
	"github.com/waterspout/waterspout/internal/member"
	"github.com/waterspout/waterspout/transport"
	"github.com/waterspout/waterspout/transport/inproc"
)

// shape is two spout tasks, four of a bolt and three of another.
var shape = assign.Shape{
	{Spout: true, Component: 0, Index: 0}, {Spout: true, Component: 0, Index: 1},
	{Component: 1, Index: 0}, {Component: 1, Index: 1}, {Component: 1, Index: 2}, {Component: 1, Index: 3},
	{Component: 2, Index: 0}, {Component: 2, Index: 1}, {Component: 2, Index: 2},
}

// A logbook is a log that tests read.
type logbook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logbook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logbook) count(s string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Count(b.buf.Bytes(), []byte(s))
}

// A cluster is workers over one net.
type cluster struct {
	t     *testing.T
	net   *inproc.Net
	log   logbook
	lazy  time.Duration // of the watches
	trip  time.Duration // of the stores
	dumb  int           // of the stores
	ends  bool          // workers leave when the cluster ends
	lives atomic.Int64
}

func newCluster(t *testing.T) *cluster { return &cluster{t: t, net: inproc.New()} }

// A worker applies documents as a worker should: it says that it has applied one as
// soon as it sees it, unless it is told to be slow.
type worker struct {
	*member.Member
	t     *testing.T
	name  string
	conn  transport.Conn
	store *spy
	slow  bool // does not apply
	ends  bool // leaves at the end
	over  chan struct{}

	mu     sync.Mutex
	status assign.Status
	docs   []assign.Document // all that it saw
	stop   chan struct{}
	ended  sync.WaitGroup
}

func (c *cluster) store(name string) (transport.Conn, *spy) {
	conn, err := c.net.Open(c.t.Context(), "job-1", name)
	if err != nil {
		c.t.Fatal(err)
	}
	s, err := conn.Store(c.t.Context(), "job-1")
	if err != nil {
		c.t.Fatal(err)
	}
	return conn, &spy{Store: s, lazy: c.lazy, trip: c.trip, dumb: c.dumb}
}

func (c *cluster) config(name string, store transport.Store) member.Config {
	id := fmt.Sprintf("%s-%d", name, c.lives.Add(1))
	return member.Config{Store: store, Name: name, ID: id, Shape: shape, Log: slog.New(slog.NewTextHandler(&c.log, nil))}
}

// join joins a worker; slow ones never say that they have applied anything.
func (c *cluster) join(name string, slow bool) *worker {
	conn, store := c.store(name)
	m, err := member.Join(c.t.Context(), c.config(name, store))
	if err != nil {
		c.t.Error(err)
		conn.Close()
		return nil
	}
	w := &worker{Member: m, t: c.t, name: name, conn: conn, store: store, slow: slow, ends: c.ends, over: make(chan struct{}), stop: make(chan struct{})}
	w.ended.Go(w.follow)
	c.t.Cleanup(w.kill)
	return w
}

// joinAll joins several at once.
func (c *cluster) joinAll(names ...string) []*worker {
	all := make([]*worker, len(names))
	var group sync.WaitGroup
	for i, name := range names {
		group.Go(func() { all[i] = c.join(name, false) })
	}
	group.Wait()
	if slices.Contains(all, nil) {
		c.t.FailNow()
	}
	return all
}

func (w *worker) follow() {
	for {
		w.apply()
		if w.ends && w.Document().End {
			if err := w.Leave(w.t.Context()); err != nil {
				w.t.Error(err)
			}
			close(w.over)
			return
		}
		select {
		case <-w.Changed():
		case <-w.Lost():
			return
		case <-w.stop:
			return
		}
	}
}

func (w *worker) apply() {
	w.mu.Lock()
	defer w.mu.Unlock()
	doc := w.Document()
	if n := len(w.docs); n == 0 || w.docs[n-1].Version != doc.Version {
		w.docs = append(w.docs, doc)
	}
	if !w.slow {
		w.status.Applied = doc.Version
		w.status.Quiet = w.status.Quiet || doc.Drain
		w.Report(w.status)
	}
}

// say changes what the worker reports.
func (w *worker) say(f func(*assign.Status)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(&w.status)
	w.Report(w.status)
}

func (w *worker) halt() {
	select {
	case <-w.stop:
	default:
		close(w.stop)
	}
	w.ended.Wait()
}

// kill ends the worker as a crash does.
func (w *worker) kill() {
	w.halt()
	w.Close()
	w.conn.Close()
}

// leave ends it as it should end.
func (w *worker) leave() {
	w.halt()
	if err := w.Leave(w.t.Context()); err != nil {
		w.t.Error(err)
	}
	w.conn.Close()
}

func (w *worker) lost() bool {
	select {
	case <-w.Lost():
		return true
	case <-w.over:
		return true
	default:
		return false
	}
}

// A spy counts the calls of a store, and hangs or fails them.
type spy struct {
	transport.Store
	mu    sync.Mutex
	puts  int
	other int
	hang  chan struct{} // calls block until it is closed, whatever their context
	deaf  bool          // answers to Put are lost
	down  bool          // Puts fail
	delay time.Duration // answers to Put take that long
	trip  time.Duration // a round trip: a Put that conflicts takes two, as over NATS
	sent  time.Time     // of the last Put that succeeded
	mute  string        // a watch does not tell of this key
	dumb  int           // so many watches, from the first, tell nothing
	opens int           // watches there were
	lazy  time.Duration // a watch tells what there is after so long, and skips what was between
}

func (s *spy) called(put bool) {
	s.mu.Lock()
	hang := s.hang
	if put {
		s.puts++
	} else {
		s.other++
	}
	s.mu.Unlock()
	if hang != nil {
		<-hang
	}
}

func (s *spy) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *spy) counts() (puts, other int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.puts, s.other
}

func (s *spy) Get(ctx context.Context, key string) (transport.Entry, error) {
	s.called(false)
	time.Sleep(s.trip)
	e, err := s.Store.Get(ctx, key)
	return e, cmp.Or(ctx.Err(), err)
}

func (s *spy) Delete(ctx context.Context, key string, revision uint64) error {
	s.called(false)
	time.Sleep(s.trip / 2)
	err := s.Store.Delete(ctx, key, revision)
	time.Sleep(s.trip / 2)
	return cmp.Or(ctx.Err(), err)
}

func (s *spy) Put(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	sent := time.Now()
	s.called(true)
	s.mu.Lock()
	down, delay := s.down, s.delay
	s.mu.Unlock()
	if down {
		return 0, errors.New("down")
	}
	time.Sleep(s.trip / 2)
	now, err := s.Store.Put(ctx, key, value, revision)
	time.Sleep(s.trip/2 + delay)
	if errors.Is(err, transport.ErrConflict) {
		time.Sleep(s.trip)
	}
	if s.trip > 0 {
		err = cmp.Or(ctx.Err(), err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.sent = sent
	}
	if s.deaf && err == nil {
		return 0, context.DeadlineExceeded
	}
	return now, err
}

// Watch skips all of a key's changes but the last of every lazy time.
func (s *spy) Watch(ctx context.Context) (<-chan transport.Entry, error) {
	from, err := s.Store.Watch(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.opens++
	number := s.opens
	s.mu.Unlock()
	to := make(chan transport.Entry)
	if s.lazy == 0 {
		go func() {
			defer close(to)
			for e := range from {
				s.mu.Lock()
				mute := s.mute != "" && s.mute == e.Key || number <= s.dumb
				s.mu.Unlock()
				if mute {
					continue
				}
				select {
				case to <- e:
				case <-ctx.Done():
				}
			}
		}()
		return to, nil
	}
	go func() {
		defer close(to)
		tick := time.NewTicker(s.lazy)
		defer tick.Stop()
		var keys []string
		last := map[string]transport.Entry{}
		for {
			select {
			case e, open := <-from:
				if !open {
					return
				}
				keys = append(slices.DeleteFunc(keys, func(k string) bool { return k == e.Key }), e.Key)
				last[e.Key] = e
			case <-tick.C:
				for _, k := range keys {
					select {
					case to <- last[k]:
					case <-ctx.Done():
					}
				}
				keys = nil
			}
		}
	}()
	return to, nil
}

// load is how many tasks each worker has.
func load(doc assign.Document) map[string]int {
	n := map[string]int{}
	for _, s := range doc.Tasks {
		n[s.Worker]++
	}
	return n
}

// balanced fails unless the tasks are spread over exactly these workers.
func balanced(t *testing.T, doc assign.Document, workers ...*worker) {
	t.Helper()
	n := load(doc)
	for _, w := range workers {
		if got := n[w.ID()]; got < len(shape)/len(workers) || got > (len(shape)+len(workers)-1)/len(workers) {
			t.Errorf("%s has %d tasks of %d over %d workers", w.ID(), got, len(shape), len(workers))
		}
		delete(n, w.ID())
	}
	if len(n) > 0 {
		t.Errorf("tasks are on %v", n)
	}
}

// agree fails unless all have the same document, and returns it.
func agree(t *testing.T, workers ...*worker) assign.Document {
	t.Helper()
	doc := workers[0].Document()
	for _, w := range workers[1:] {
		if other := w.Document(); other.Nonce != doc.Nonce || other.Version != doc.Version {
			t.Errorf("%s is at %x/%d, %s at %x/%d", workers[0].ID(), doc.Nonce, doc.Version, w.ID(), other.Nonce, other.Version)
		}
	}
	return doc
}

// until waits for what must come within limit, and returns how long it took.
func until(t *testing.T, limit time.Duration, what string, f func() bool) time.Duration {
	t.Helper()
	for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if took := time.Since(begin); f() {
			return took
		} else if took > limit {
			t.Fatalf("after %v: not yet %s", took, what)
		}
	}
}

// soon waits for what happens at once, and for the coalescing.
func soon() { time.Sleep(300 * time.Millisecond); synctest.Wait() }

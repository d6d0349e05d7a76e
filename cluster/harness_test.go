package cluster_test

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/topology"
	"github.com/waterspout/waterspout/tuple"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A book is what a spout was told of its trees.
type book struct {
	n    int  // trees to root
	wait bool // Run returns when its context ends, not when all is emitted

	mu      sync.Mutex
	emitted int
	acked   map[uint64]int
	failed  map[uint64][]tuple.Failure
}

func newBook(n int) *book {
	return &book{n: n, acked: map[uint64]int{}, failed: map[uint64][]tuple.Failure{}}
}

// New makes a task that emits the numbers below n, each once, over all tasks.
func (b *book) New() *bookSpout { return &bookSpout{book: b} }

type bookSpout struct {
	*book
	task spout.Task
}

func (s *bookSpout) Open(_ context.Context, task spout.Task) error {
	s.task = task
	return nil
}

func (s *bookSpout) Run(ctx context.Context, out *spout.Emitter[int]) error {
	for i := s.task.Index; i < s.n; i += s.task.Count {
		if !out.EmitID(i, uint64(i)) {
			return nil
		}
		s.mu.Lock()
		s.emitted++
		s.mu.Unlock()
	}
	if s.wait {
		<-ctx.Done()
	}
	return nil
}

func (s *bookSpout) Ack(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acked[id]++
}

func (s *bookSpout) Fail(id uint64, why tuple.Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed[id] = append(s.failed[id], why)
}

// check holds the book to one answer per emit, and to the counts of acks and fails.
func (b *book) check(t *testing.T, acked, failed int) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.acked) != acked || len(b.failed) != failed {
		t.Errorf("acked %d, failed %d trees, want %d and %d; failures: %.3v", len(b.acked), len(b.failed), acked, failed, b.failed)
	}
	if got := len(b.acked) + len(b.failed); got != b.emitted {
		t.Errorf("%d trees answered of %d emitted", got, b.emitted)
	}
	for id, n := range b.acked {
		if n+len(b.failed[id]) != 1 {
			t.Errorf("tree %d acked %d and failed %d times", id, n, len(b.failed[id]))
		}
	}
	for id, fs := range b.failed {
		if len(fs) != 1 {
			t.Errorf("tree %d failed %d times", id, len(fs))
		}
	}
}

// one is the failure of the one tree that failed.
func (b *book) one(t *testing.T) tuple.Failure {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.failed) != 1 {
		t.Fatalf("failed trees: %v, want one", b.failed)
	}
	for _, fs := range b.failed {
		return fs[0]
	}
	panic("unreachable")
}

// A journal is a log that tests read.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}

func (j *journal) local() cluster.Local {
	return cluster.Local{Log: slog.New(slog.NewTextHandler(j, nil))}
}

// A tally counts how often each value came.
type tally[T comparable] struct {
	mu   sync.Mutex
	seen map[T]int
}

func (c *tally[T]) add(v T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen == nil {
		c.seen = map[T]int{}
	}
	c.seen[v]++
}

func (c *tally[T]) sink() func() bolt.Func[T, bolt.None] {
	return bolt.Sink(func(_ context.Context, v T) error { c.add(v); return nil })
}

// chain is a topology of one spout and one bolt.
func chain[O any, B bolt.Bolt[int, O]](b *book, newBolt func() B, opts ...topology.SpoutOption) *topology.Topology {
	d := topology.New("test")
	s := topology.Spout(d, "src", b.New, opts...)
	topology.Bolt(s.By(grouping.Shuffle), "work", newBolt)
	return topology.Must(d.Build())
}

// part finds a component in stats.
func part(t *testing.T, s cluster.Stats, name string) cluster.Component {
	t.Helper()
	for _, c := range s.Components {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("no component %q in %v", name, s)
	return cluster.Component{}
}

// start starts topo and fails the test if it cannot.
func start(t *testing.T, topo *topology.Topology, m cluster.Mode) *cluster.Running {
	t.Helper()
	r, err := cluster.Start(context.Background(), topo, m)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// took is how long f takes, on the clock of the bubble.
func took(f func()) time.Duration {
	began := time.Now()
	f()
	return time.Since(began)
}

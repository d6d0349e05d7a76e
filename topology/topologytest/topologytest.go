// Package topologytest runs a built topology in a test: its spouts are replaced by
// given records, its streams are recorded, and time is virtual. It is what a Storm
// user knows as completeTopology.
//
// The invariant: [Run] returns when every tree of tuples has ended, and fails the
// test if one of them failed, unless its feed says that it may. So it does for a tuple
// that is in no tree, unless some feed says that trees may fail, and for a Tick or a
// Drained that fails.
//
//	func TestJob(t *testing.T) {
//		decoded := topologytest.Capture[Tweet]("decode")
//		topologytest.Run(t, job(), topologytest.Feed("read", record("a"), record("b")), decoded)
//		if got := decoded.Values(); len(got) != 2 { t.Error(got) }
//	}
//
// Run is called from the test's goroutine, outside of any synctest bubble. It waits
// for all goroutines that bolts have started: what keeps some, such as the idle
// connections of an http.Client, must be ended in the bolt's Close, or Run never ends.
package topologytest

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/internal/engine"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/topology"
)

// grace is virtual: only a bolt that never returns spends it.
const grace = time.Minute

// An Option is what [Run] does to a topology: a [Fed] or a [Captured].
type Option interface{ apply(*plan) error }

// A plan is the nodes of a topology with the options applied.
type plan struct {
	nodes   []*engine.Node
	fed     map[string]bool
	mayFail bool // trees of some feed
	taps    []engine.Tap
	faults  engine.Faults
	after   []func(t *testing.T)
}

// Run runs topo until every tree of tuples has ended, in virtual time: a timeout
// of 30 s takes none. Every spout needs a [Feed]; those of several tasks run as one.
// Bolts are opened, ticked and closed as always. Whatever goes wrong fails the
// test at once: a name that is not there, a wrong type, an error of the run.
func Run(t *testing.T, topo *topology.Topology, opts ...Option) {
	t.Helper()
	p := &plan{nodes: append([]*engine.Node(nil), topo.Nodes()...), fed: map[string]bool{}}
	for _, o := range opts {
		if err := o.apply(p); err != nil {
			t.Fatalf("topologytest: %v", err)
		}
	}
	for _, n := range p.nodes {
		if n.Spout && !p.fed[n.Name] {
			t.Fatalf("topologytest: spout %s has no Feed", n.Name)
		}
	}
	for _, tap := range p.taps {
		p.nodes = append(p.nodes, tap.Node())
	}
	var err error
	synctest.Test(t, func(t *testing.T) {
		var run *engine.Run
		o := engine.Options{Topology: topo.Name(), Log: slog.New(slog.DiscardHandler), Grace: grace, Taps: p.taps, Faults: &p.faults}
		if run, err = engine.Start(context.Background(), p.nodes, o); err == nil {
			err = run.Wait()
		}
	})
	if err != nil {
		t.Fatalf("topologytest: %v", err)
	}
	p.check(t)
	for _, f := range p.after {
		f(t)
	}
}

// check tells of what failed without a record of a feed.
func (p *plan) check(t *testing.T) {
	t.Helper()
	if err := p.faults.Calls(); err != nil {
		t.Errorf("topologytest: %v", err)
	}
	if err := p.faults.Orphans(); err != nil && !p.mayFail {
		t.Errorf("topologytest: %v", err)
	}
}

// A Fed stands for a spout. Make one with [Feed].
type Fed[T any] struct {
	name    string
	records []T
	mayFail bool

	mu       sync.Mutex // guards failures
	failures map[int]spout.Failure
}

// Feed replaces the spout of the given name by one that emits the records in their
// order, each the root of a tree, and ends. No record is emitted twice. The trees of a
// spout that is Untracked are followed, too: what fails there is to be told as well.
func Feed[T any](name string, records ...T) *Fed[T] {
	return &Fed[T]{name: name, records: records}
}

// MayFail allows trees to fail, and returns f.
func (f *Fed[T]) MayFail() *Fed[T] {
	f.mayFail = true
	return f
}

// Failures are those of the records whose trees failed, by their index. It is
// complete when Run has returned.
func (f *Fed[T]) Failures() map[int]spout.Failure {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failures
}

func (f *Fed[T]) apply(p *plan) error {
	if p.fed[f.name] {
		return fmt.Errorf("spout %s has two Feeds", f.name)
	}
	f.failures = map[int]spout.Failure{}
	for i, n := range p.nodes {
		if n.Name != f.name || !n.Spout {
			continue
		}
		other, err := engine.ReplaceSpout(n, func() spout.Spout[T] { return &feeder[T]{f} })
		if err != nil {
			return fmt.Errorf("cannot feed spout %s: %w", f.name, err)
		}
		other.Parallelism, other.Untracked = 1, false
		p.nodes[i] = other
		p.fed[f.name] = true
		p.mayFail = p.mayFail || f.mayFail
		p.after = append(p.after, f.check)
		return nil
	}
	return fmt.Errorf("there is no spout %s", f.name)
}

func (f *Fed[T]) check(t *testing.T) {
	for i := range f.records {
		if why, failed := f.failures[i]; failed && !f.mayFail {
			t.Errorf("topologytest: record %d of %s failed: %v", i, f.name, why)
		}
	}
}

// A feeder is a Fed as a spout.
type feeder[T any] struct{ *Fed[T] }

func (f *feeder[T]) Run(_ context.Context, out *spout.Emitter[T]) error {
	for i, v := range f.records {
		if !out.EmitID(v, uint64(i)) {
			break
		}
	}
	return nil
}

func (f *feeder[T]) Ack(uint64) {}

func (f *feeder[T]) Fail(id uint64, why spout.Failure) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failures[int(id)] = why
}

// A Captured is what a stream carried. Make one with [Capture].
type Captured[T any] struct {
	component, side string
	values          []T
}

// Capture records the main stream of a component, also one that nobody reads.
func Capture[T any](component string) *Captured[T] { return &Captured[T]{component: component} }

// CaptureSide records a side stream of a component.
func CaptureSide[T any](component, side string) *Captured[T] {
	return &Captured[T]{component: component, side: side}
}

// Values are the values in the order in which they came, complete when Run has
// returned. Values of one task are in the order of its emits. The slice is the
// caller's.
func (c *Captured[T]) Values() []T { return c.values }

func (c *Captured[T]) apply(p *plan) error {
	c.values = nil
	read := bolt.Func[T, bolt.None](func(_ context.Context, v T, _ *bolt.Collector[bolt.None]) error {
		c.values = append(c.values, v)
		return nil
	})
	for _, n := range p.nodes {
		for _, s := range n.Outputs {
			if side, _ := s.Side(); n.Name != c.component || side != c.side {
				continue
			}
			tap, err := engine.NewTap(s, "capture of "+c.stream(), func() bolt.Bolt[T, bolt.None] { return read })
			if err != nil {
				return fmt.Errorf("cannot capture %s: %w", c.stream(), err)
			}
			p.taps = append(p.taps, tap)
			return nil
		}
	}
	return fmt.Errorf("there is no stream %s", c.stream())
}

func (c *Captured[T]) stream() string {
	if c.side == "" {
		return c.component
	}
	return c.component + "." + c.side
}

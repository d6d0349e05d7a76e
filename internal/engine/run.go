package engine

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waterspout/waterspout/internal/mesh"
	"github.com/waterspout/waterspout/tuple"
)

// Options are those of a run.
type Options struct {
	Topology string
	Log      *slog.Logger  // never nil
	Grace    time.Duration // how long a drain may take, or the closing of tasks after an abort
	Wire     bool          // take every value through its codec
	Taps     []Tap         // for test kits: readers that the declaration does not have
	Faults   *Faults       // for test kits: notes what else is only logged, if not nil

	Abroad  bool   // tasks may be on other workers: for NewSite
	Cluster string // of those workers; empty for a run of one process
}

// A Run is a topology that runs. Its methods may be called from any goroutine.
type Run struct {
	opts     Options
	name     string
	log      *slog.Logger
	born     time.Time
	counters tuple.Counters

	components []*component // in the order of declaration: upstream first
	byNode     map[*Node]*component
	silence    int64 // nanoseconds that a task may have a tuple without a sign of life to its ledger (E4)
	homes      atomic.Pointer[homes]
	gone       blame    // tuples without a tree
	objects    sync.Map // pointers of users' objects, to find one used twice

	mu     sync.Mutex // guards what follows, which is replaced and never changed
	live   []task
	lanes  []*lane
	abroad map[uint32]*mesh.Peer // of spout instances of other workers
	next   uint32                // instance

	ctx     context.Context // of bolts: ends when the run is aborted
	cancel  context.CancelCauseFunc
	spouts  context.Context // of spouts: ends when the run drains
	drain   context.CancelCauseFunc
	aborted atomic.Bool
	state   chan struct{} // one slot: something happened that a wait may be for
	done    chan struct{}
	err     error // once done is closed
}

// ErrDrained is the cause of the end of the spouts' context when the run drains.
var ErrDrained = errors.New("the topology drains")

// Start makes the tasks of nodes, which are in an order in which every bolt
// follows what it reads, opens them, and lets the tuples flow. It returns the
// errors of all Opens, joined. The end of ctx drains the run.
func Start(ctx context.Context, nodes []*Node, opts Options) (*Run, error) {
	r := newRun(ctx, opts)
	for _, n := range nodes {
		c := r.declare(n)
		for i := range n.Parallelism {
			c.tasks = append(c.tasks, n.newTask(c, i, uint32(len(r.lanes)+1))) // L5: from 1, each spout task's its own
		}
		r.live = append(r.live, c.tasks...)
	}
	for _, t := range r.tasks() {
		if err := t.wire(); err != nil {
			r.logStack(err)
			r.cancel(err)
			return nil, err
		}
	}
	life := newLife(r)
	if err := life.open(ctx); err != nil {
		return nil, err
	}
	go func() { // owned by Wait
		defer close(r.done)
		defer context.AfterFunc(ctx, r.Drain)()
		r.err = life.see()
		r.cancel(context.Canceled)
	}()
	return r, nil
}

func newRun(ctx context.Context, opts Options) *Run {
	r := &Run{
		opts: opts, name: opts.Topology, log: opts.Log, born: time.Now(),
		byNode: map[*Node]*component{}, silence: int64(time.Second), state: make(chan struct{}, 1), done: make(chan struct{}),
	}
	r.homes.Store(&homes{})
	r.gone.what, r.gone.log = "tuples failed that no spout tracks: they are gone", opts.Log.With("topology", r.name)
	// Values pass, cancellation does not: ctx starts the drain, and bolts
	// must go on until it is over.
	r.ctx, r.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	r.spouts, r.drain = context.WithCancelCause(r.ctx)
	return r
}

func (r *Run) declare(n *Node) *component {
	const signs = 16 // per timeout, so that a chain of tasks gives some
	c := &component{run: r, node: n}
	if n.Spout {
		r.silence = min(r.silence, int64(n.Timeout)/signs)
	}
	r.components = append(r.components, c)
	r.byNode[n] = c
	return c
}

// Drain stops the spouts and ends the run once open trees have ended, or after
// the grace. It does not block and may be called more than once.
func (r *Run) Drain() {
	r.drain(ErrDrained)
	r.poke()
}

// Abort ends the run at once: open trees are failed with kind Shutdown, and Wait
// returns cause. It does not block; the first cause counts.
func (r *Run) Abort(cause error) {
	r.logStack(cause)
	r.cancel(cause)
	r.poke()
}

// Wait blocks until the last goroutine of the run has ended, and returns nil
// after a clean end, else the cause of the abort.
func (r *Run) Wait() error {
	<-r.done
	return r.err
}

// Done is closed when Wait would return.
func (r *Run) Done() <-chan struct{} { return r.done }

// Draining reports whether the spouts have been told to stop.
func (r *Run) Draining() bool { return r.spouts.Err() != nil }

// Uptime is how long the run has been going.
func (r *Run) Uptime() time.Duration { return time.Since(r.born) }

// Counters are the named counters that tasks made, summed.
func (r *Run) Counters() map[string]int64 { return r.counters.Sums() }

// now is the time of the run in nanoseconds. It is never 0, which means never.
func (r *Run) now() int64 { return int64(time.Since(r.born)) + 1 }

// poke makes whoever waits for a state of the run look again.
func (r *Run) poke() {
	select {
	case r.state <- struct{}{}:
	default:
	}
}

// tasks are those that live now.
func (r *Run) tasks() []task {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.live
}

func (r *Run) component(n *Node) *component { return r.byNode[n] }

// unique finds a constructor that returns nil, or the same object twice: its tasks
// would share state that each takes for its own.
func (r *Run) unique(v any, t tuple.Task) error {
	p := reflect.ValueOf(v)
	switch kind := p.Kind(); {
	case kind == reflect.Invalid, (kind == reflect.Pointer || kind == reflect.Func) && p.IsNil():
		return fmt.Errorf("the constructor returned %#v; it must make an object", v)
	case !shared(p):
		return nil
	}
	if other, dup := r.objects.LoadOrStore(p.Pointer(), t.String()); dup {
		return fmt.Errorf("the constructor returned the same object for %v and %v; it must make a new one for each task", other, t)
	}
	return nil
}

// shared reports whether p, given to two tasks, has state that both see.
func shared(p reflect.Value) bool {
	switch p.Kind() {
	case reflect.Pointer:
		return p.Type().Elem().Size() > 0
	case reflect.Map, reflect.Chan:
		return !p.IsNil()
	}
	return false
}

// forget makes the memory of a user's object free for others of a later task.
func (r *Run) forget(v any) {
	if p := reflect.ValueOf(v); shared(p) {
		r.objects.Delete(p.Pointer())
	}
}

// newEdges seeds a task's generator so that no two agree (E2).
func newEdges() edges {
	var seed [16]byte
	if _, err := crand.Read(seed[:]); err != nil {
		panic(err) // never returns an error: see crypto/rand.Read
	}
	return edges{*rand.NewPCG(binary.LittleEndian.Uint64(seed[:8]), binary.LittleEndian.Uint64(seed[8:]))}
}

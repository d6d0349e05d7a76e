package engine

import (
	"sync"

	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/tuple"
)

// An emitter is a spout task as port.Emitter. Emits gather in it until a chunk
// is full, the flusher comes by, or it has to wait; then trees are opened and
// tuples leave (L1: in this order).
type emitter[T any] struct {
	task *spoutTask[T]
	kick chan struct{}

	mu      sync.Mutex // guards all below, while nobody is busy
	turn    sync.Cond  // somebody stopped being busy
	busy    bool       // somebody works on the emitter, and may block, without mu
	stopped bool
	paused  bool
	asking  bool       // the groupings are asked, which may panic
	placing tuple.Root // of the value that they are asked about; 0 if it has no tree
	edges   edges
	routers []*router[T]
	staged  int
	room    int
	emitted uint64
	ids     []uint64
	words   []uint64
	roots   []tuple.Root
	refused []refusal
	panics  uint64 // of groupings, ever
	storm   storm
	value   T // of EmitEach, if it does not wait in one place
}

// Emit implements port.Emitter.
func (e *emitter[T]) Emit(v T) (more bool) {
	if !e.lock() {
		return false
	}
	defer e.leave()
	more = true // also if a grouping panics
	e.send(&v, tuple.Lineage{})
	e.sent()
	return more
}

// EmitEach implements port.Bulk.
func (e *emitter[T]) EmitEach(n int, each func(int, *T) (uint64, bool)) (emitted int) {
	for more := true; more; {
		emitted, more = e.some(emitted, n, each)
	}
	return emitted
}

// some emits the values from i on, up to one at which a grouping panics; then there are
// more to emit. One defer serves them all.
func (e *emitter[T]) some(i, n int, each func(int, *T) (uint64, bool)) (next int, more bool) {
	if !e.lock() {
		return i, false
	}
	defer e.leave()
	more = true
	for next = i; next < n; {
		if !e.admit() {
			return next, false
		}
		v := e.place()
		id, ok := each(next, v)
		if !ok {
			return next, false
		}
		next++
		e.root(v, id)
	}
	return next, false
}

// place is where to make the next value: where it will wait, if that is one place.
func (e *emitter[T]) place() *T {
	if len(e.routers) == 1 {
		return e.routers[0].next()
	}
	return &e.value
}

// EmitID implements port.Emitter.
func (e *emitter[T]) EmitID(v T, id uint64) (more bool) {
	if !e.lock() {
		return false
	}
	defer e.leave()
	if !e.admit() {
		return false
	}
	more = true // also if a grouping panics
	e.root(&v, id)
	return more
}

// admit waits until a tree may be opened, and reports false when the spout should
// return.
func (e *emitter[T]) admit() bool {
	if (e.stopped || e.paused) && !e.ready() {
		return false
	}
	return e.room > 0 || e.task.comp.node.Untracked || e.makeRoom()
}

// root emits v as the root of a tree, if its spout has any.
func (e *emitter[T]) root(v *T, id uint64) {
	e.ids = append(e.ids, id)
	e.words = append(e.words, 0)
	if e.task.comp.node.Untracked {
		e.send(v, tuple.Lineage{})
	} else {
		e.room--
		// The root is known only when the tree is opened: until then the tuple
		// carries its place in ids, from 1.
		word := e.send(v, tuple.Lineage{Link: tuple.Link{Root: tuple.Root(len(e.ids))}})
		e.words[len(e.words)-1] = word
	}
	e.sent()
}

func (e *emitter[T]) lock() bool {
	e.mu.Lock()
	if e.ready() {
		return true
	}
	e.mu.Unlock()
	return false
}

// ready waits while others are busy or the spout is paused, and reports false when it
// was stopped.
func (e *emitter[T]) ready() bool {
	for e.busy || e.paused && !e.stopped {
		e.turn.Wait()
	}
	return !e.stopped
}

// sent leaves what is staged to the flusher, or flushes if it is full.
func (e *emitter[T]) sent() {
	e.emitted++
	e.staged++
	full := e.staged >= chunk
	for _, r := range e.routers {
		full = full || len(r.buf) >= r.limit
	}
	if full {
		e.exclusively(e.flush)
	} else if e.staged == 1 {
		select {
		case e.kick <- struct{}{}:
		default:
		}
	}
}

// send stages v and returns the XOR of its edges (E1).
func (e *emitter[T]) send(v *T, lin tuple.Lineage) (word uint64) {
	e.asking, e.placing = true, lin.Root
	for _, r := range e.routers {
		i := r.choose(*v)
		switch {
		case r.valid(i):
			word ^= e.stage(r, i, v, lin)
		case i == grouping.Everyone:
			for k := range r.sinks {
				word ^= e.stage(r, k, v, lin)
			}
		default:
			word ^= e.refuse(lin, tuple.Failure{Text: r.wrong(i).Error()})
		}
	}
	e.asking, e.storm.panics = false, 0
	return word
}

func (e *emitter[T]) stage(r *router[T], i int, v *T, lin tuple.Lineage) uint64 {
	if lin.Root != 0 {
		lin.Edge = e.edges.next()
	}
	r.stage(i, v, lin)
	return lin.Edge
}

// refuse fails the tree that is being emitted, once it is open (E3): its word has
// an edge that nobody consumes. An untracked value is lost, as it may be.
func (e *emitter[T]) refuse(lin tuple.Lineage, why tuple.Failure) uint64 {
	if lin.Root == 0 {
		e.task.lane.unsent.Add(1)
		return 0
	}
	why.Component = e.task.info.Component
	e.refused = append(e.refused, refusal{int(lin.Root), why})
	return e.edges.next()
}

// exclusively runs f, which may block, without mu but with nobody else in the
// emitter.
func (e *emitter[T]) exclusively(f func()) {
	e.busy = true
	e.mu.Unlock()
	f()
	e.mu.Lock()
	e.busy = false
	e.turn.Broadcast()
}

func (e *emitter[T]) lockAndFlush() {
	e.mu.Lock()
	for e.busy {
		e.turn.Wait()
	}
	if e.staged > 0 {
		e.exclusively(e.flush)
	}
	e.mu.Unlock()
}

// flush opens the trees and hands the tuples over.
func (e *emitter[T]) flush() {
	e.task.lane.emitted.Add(e.emitted)
	if e.task.comp.node.Untracked {
		e.task.lane.settle(e.ids)
	} else if len(e.ids) > 0 {
		e.roots = e.task.lane.open(e.ids, e.words, e.roots[:0])
		for _, r := range e.routers {
			for i := range r.buf {
				if k := r.buf[i].Root; k != 0 {
					r.buf[i].Root = e.roots[k-1]
				}
			}
		}
	}
	for _, r := range e.refused {
		e.task.lane.fail(e.roots[r.place-1], r.why)
	}
	for _, r := range e.routers {
		e.handOver(r)
	}
	clear(e.refused)
	e.refused = e.refused[:0]
	e.staged, e.emitted = 0, 0
	e.ids, e.words = e.ids[:0], e.words[:0]
}

// handOver flushes r. Trees whose tuples waited for long before they left are as good as
// opened now: they are about to wait again, in an inbox (O4).
func (e *emitter[T]) handOver(r *router[T]) {
	if !r.blocked() {
		r.flush()
		return
	}
	run := e.task.run
	start := run.now()
	r.flush()
	if now := run.now(); now-start > run.silence && !e.task.comp.node.Untracked {
		e.task.lane.touch(e.roots[:len(e.ids)], now)
	}
}

// makeRoom flushes, since what waits in the emitter may be all that is open,
// and waits until a tree may be opened.
func (e *emitter[T]) makeRoom() bool {
	e.exclusively(func() {
		e.flush()
		e.room = e.task.lane.free()
	})
	return e.room > 0 && !e.stopped
}

// Stop implements port.Stopper.
func (e *emitter[T]) Stop() {
	e.mu.Lock()
	e.stopped = true
	e.mu.Unlock()
	e.turn.Broadcast()
	e.task.lane.stop()
}

func (e *emitter[T]) pause(on bool) {
	e.mu.Lock()
	e.paused = on
	e.mu.Unlock()
	e.turn.Broadcast()
}

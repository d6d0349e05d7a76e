package engine

import (
	"slices"
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
	placing tuple.Root // of the value that is with the groupings, which may panic; 0 if none
	edges   edges
	routers []*router[T]
	staged  int
	room    int
	emitted uint64
	ids     []uint64
	words   []uint64
	roots   []tuple.Root
	refused []refusal
	value   T // of EmitEach, if it does not wait in one place
}

// A refusal is an emit, by its place in ids, that no task could get.
type refusal struct {
	place int
	err   error
}

// Emit implements port.Emitter.
func (e *emitter[T]) Emit(v T) bool {
	if !e.lock() {
		return false
	}
	defer e.leave()
	e.send(&v, tuple.Lineage{})
	e.sent()
	return true
}

// EmitEach implements port.Bulk.
func (e *emitter[T]) EmitEach(n int, each func(int, *T) (uint64, bool)) int {
	if !e.lock() {
		return 0
	}
	defer e.leave()
	for i := range n {
		if !e.admit() {
			return i
		}
		v := e.place()
		id, more := each(i, v)
		if !more {
			return i
		}
		e.root(v, id)
	}
	return n
}

// place is where to make the next value: where it will wait, if that is one place.
func (e *emitter[T]) place() *T {
	if len(e.routers) == 1 {
		return e.routers[0].next()
	}
	return &e.value
}

// EmitID implements port.Emitter.
func (e *emitter[T]) EmitID(v T, id uint64) bool {
	if !e.lock() {
		return false
	}
	defer e.leave()
	if !e.admit() {
		return false
	}
	e.root(&v, id)
	return true
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
	if e.task.comp.node.Untracked {
		e.send(v, tuple.Lineage{})
		e.track(id, 0)
		return
	}
	e.room--
	// The root is known only when the tree is opened: until then the tuple
	// carries its place in ids, from 1.
	e.track(id, e.send(v, tuple.Lineage{Link: tuple.Link{Root: tuple.Root(len(e.ids) + 1)}}))
}

func (e *emitter[T]) track(id, word uint64) {
	e.ids = append(e.ids, id)
	e.words = append(e.words, word)
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
	e.placing = lin.Root
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
			word ^= e.refuse(lin, r.wrong(i))
		}
	}
	e.placing = 0
	return word
}

// leave unlocks the emitter. If a grouping panicked, it takes back what was staged of the
// value, which no tree will have.
func (e *emitter[T]) leave() {
	if e.placing != 0 {
		e.takeBack()
	}
	e.mu.Unlock()
}

func (e *emitter[T]) takeBack() {
	for _, r := range e.routers {
		n := len(r.buf)
		for n > 0 && r.buf[n-1].Root == e.placing {
			n--
		}
		clear(r.buf[n:])
		r.buf, r.target = r.buf[:n], r.target[:n]
	}
	e.refused = slices.DeleteFunc(e.refused, func(r refusal) bool { return r.place == int(e.placing) })
	e.placing = 0
	e.room++
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
func (e *emitter[T]) refuse(lin tuple.Lineage, err error) uint64 {
	if lin.Root == 0 {
		e.task.lane.unsent.Add(1)
		return 0
	}
	e.refused = append(e.refused, refusal{int(lin.Root), err})
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
		e.task.lane.fail(e.roots[r.place-1], tuple.Failure{Component: e.task.info.Component, Text: r.err.Error()})
	}
	for _, r := range e.routers {
		e.handOver(r)
	}
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
	e.stop()
	e.task.lane.stop()
}

func (e *emitter[T]) stop() {
	e.mu.Lock()
	e.stopped = true
	e.mu.Unlock()
	e.turn.Broadcast()
}

func (e *emitter[T]) pause(on bool) {
	e.mu.Lock()
	e.paused = on
	e.mu.Unlock()
	e.turn.Broadcast()
}

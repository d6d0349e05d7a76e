package engine

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/waterspout/waterspout/acker"
	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/internal/mailbox"
	"github.com/waterspout/waterspout/tuple"
)

// boltCore is the part of a bolt task that does not know its types: the current
// input and its outcome, held inputs, acks on their way.
type boltCore struct {
	run   *Run
	comp  *component
	info  tuple.Task
	ctx   context.Context // of Open and Execute: ends with the run, or when the task is cut
	stop  context.CancelFunc
	park  *mailbox.Park
	edges edges
	at    anchor
	holds *holds
	acks  laneBuffers
	async async
	going map[turn]int // calls of Go under way, by input

	routers []flusher // of all its streams
	sides   []side

	counts
	done     counted      // since the last publish
	blocked  int64        // nanoseconds that flushes blocked, and ticks took in a batch, ever
	progress atomic.Int64 // start of the current stretch of work in run time; 0 while idle
	inside   atomic.Int32 // what user code runs, for the watchdog
	tardy    atomic.Bool  // by the watchdog: what runs has run for long (E4)
	cut      atomic.Bool  // the task is to return as soon as it can
	storm    storm
}

// counted is counts before they are published.
type counted struct{ emitted, executed, acked uint64 }

// A flusher is a router with its type erased.
type flusher interface {
	flush()
	hand()
	drop()
	blocked() bool
	rest(f func(tuple.Root)) // of what is staged
}

type side struct {
	tag any
	out any
}

// pair acks under one root.
func (c *boltCore) pair(p acker.Pair) { c.acks.add(c.run, p) }

// finish settles the current input after Execute returned err. The ack word is
// taken here, after the last emit (T1).
func (c *boltCore) finish(err error) {
	c.done.executed++
	a := &c.at
	if err == nil && a.fault == nil && a.simple() {
		c.done.acked++
		if a.lin.Root != 0 && !a.move() {
			c.acks.add(c.run, acker.Pair{Root: a.lin.Root, Word: a.lin.Edge ^ a.word})
		}
		a.lin = nil
		return
	}
	c.finishSlow(err)
	a.lin = nil
}

func (c *boltCore) finishSlow(err error) {
	a := &c.at
	if a.held != 0 {
		c.holds.returned(a.held, err, a.fault)
		return
	}
	if a.fault != nil {
		err = errors.Join(a.fault, err)
	}
	out := c.outcome(err)
	if out.fail {
		c.run.failTrees(a.lin, out.failure)
		return
	}
	a.pairs(c.pair)
}

// ends is the kind of failure of what a bolt leaves behind: on another worker the spout may
// go on, and is to replay it.
func (c *boltCore) ends() tuple.Kind {
	if c.run.opts.Abroad {
		return tuple.Lost
	}
	return tuple.Shutdown
}

// An outcome is what an error from user code means.
type outcome struct {
	fail    bool
	failure tuple.Failure
}

// closed is the outcome of inputs that a bolt held when it was closed.
type closed struct{ tuple.Failure }

// outcome counts an input's end and says what it means for its trees. It may be
// called from any goroutine. Which kind a failure has is for the engine to say: of what
// user code says it believes that a record is bad, or that something was lost, and not
// that this topology ends or waits no longer, which it may have heard of another.
func (c *boltCore) outcome(err error) (out outcome) {
	defer func() {
		if p := recover(); p != nil { // a method of err
			c.failed[tuple.Panic].Add(1)
			f := caught(p)
			f.Component, f.Text = c.info.Component, fmt.Sprintf("in the error, a %T: %s", err, f.Text)
			out = outcome{true, f}
		}
	}()
	if end, ok := err.(closed); ok {
		c.failed[end.Kind].Add(1)
		return outcome{true, end.Failure}
	}
	if err == nil || bolt.IsDrop(err) {
		c.acked.Add(1)
		if err != nil {
			c.dropped.Add(1)
		}
		return outcome{}
	}
	f := tuple.Failure{Kind: tuple.Error, Component: c.info.Component, Text: err.Error()}
	if told, ok := errors.AsType[tuple.Failure](err); ok && (told.Kind == tuple.Panic || told.Kind == tuple.Lost || told.Kind == tuple.Rejected) {
		f.Kind = told.Kind
		if told == err {
			f.Text = told.Text
		}
	}
	if bolt.IsReject(err) {
		f.Kind = tuple.Rejected
	}
	if f.Kind.Counts() && c.ctx.Err() != nil { // it was told to end, which is no attempt (P4)
		f.Kind = c.ends()
	}
	c.failed[f.Kind].Add(1)
	if bolt.IsFatal(err) {
		c.run.Abort(&tuple.TaskError{Task: c.info, Err: err})
	}
	return outcome{true, f}
}

// flush hands over all that is staged: pairs first, which never block.
func (c *boltCore) flush() {
	c.acks.flush(c.run)
	for _, r := range c.routers {
		c.flushRouter(r)
	}
	if c.tardy.Load() { // nothing waits behind what took long
		c.tardy.Store(false)
	}
}

// alive tells the ledger that a tree lives, which a pair of no edges does, and nothing
// else.
func (c *boltCore) alive(root tuple.Root) { c.pair(acker.Pair{Root: root}) }

// touch tells the ledgers that the trees of what is staged live, since it was behind an
// input that took long, or in front of a full inbox: what moved on has sent no pair, and
// the clock is not read for each input (E4, O4).
func (c *boltCore) touch(r flusher) {
	r.rest(c.alive)
	c.acks.flush(c.run)
}

// flushRouter measures its time only if it will block, and lets go of all else
// that the task has staged before it does.
func (c *boltCore) flushRouter(r flusher) {
	if c.tardy.Load() {
		c.touch(r)
	}
	if !r.blocked() {
		r.flush()
		return
	}
	if c.at.late && c.at.lin != nil { // its pair comes when Execute has returned
		roots(c.at.lin, c.alive)
	}
	c.acks.flush(c.run)
	for _, other := range c.routers {
		if other != r && !other.blocked() {
			other.flush()
		}
	}
	was := c.inside.Swap(inFlush)
	start := c.run.now()
	r.hand()
	end := c.run.now()
	if end-start > c.run.silence {
		c.touch(r)
	}
	r.drop()
	c.blocked += end - start
	if c.progress.Load() != 0 {
		c.progress.Store(end) // user code was not what took so long
	}
	c.inside.Store(was)
}

// publish makes the counts visible.
func (c *boltCore) publish() {
	if c.done != (counted{}) {
		c.emitted.Add(c.done.emitted)
		c.executed.Add(c.done.executed)
		c.acked.Add(c.done.acked)
		c.done = counted{}
		c.holds.publish()
	}
}

// outlet is a stream's end in a bolt task: a port.Output, and as the main stream's
// end the task's port.Collector.
type outlet[T any] struct {
	core    *boltCore
	routers []*router[T]
}

// outlets are outlets with their types erased.
type outlets interface{ read() bool }

func (o *outlet[T]) read() bool { return len(o.routers) > 0 }

func (o *Output[T]) open(c *boltCore) (any, error) {
	routers, err := wireRouters(c.run, o)
	for _, r := range routers {
		c.routers = append(c.routers, r)
	}
	return &outlet[T]{core: c, routers: routers}, err
}

// Emit implements port.Output.
func (o *outlet[T]) Emit(v T, also []tuple.Held) {
	o.core.done.emitted++
	if also != nil {
		o.below(&v, also)
		return
	}
	// The same as in below, but that a call of its own costs a hop a twentieth.
	for _, r := range o.routers {
		if i := r.choose(v); r.valid(i) {
			o.stage(r, i, &v, nil)
		} else {
			o.irregular(r, i, &v, nil)
		}
	}
}

// errHalf is what held inputs fail with when a grouping panics.
var errHalf = tuple.Failure{Kind: tuple.Panic, Text: "a grouping panicked at a value that was emitted below it"}

// below emits v anchored to held inputs, too. If a grouping panics they fail as the
// current one does: v is not sent, or not to all, and the bolt may still ack them (E3).
func (o *outlet[T]) below(v *T, also []tuple.Held) {
	whole := false
	defer func() {
		if !whole {
			failHeld(also, errHalf)
		}
	}()
	for _, r := range o.routers {
		if i := r.choose(*v); r.valid(i) {
			o.stage(r, i, v, also)
		} else {
			o.irregular(r, i, v, also)
		}
	}
	whole = true
}

func failHeld(held []tuple.Held, err error) {
	for _, h := range held {
		h.Fail(err)
	}
}

func (o *outlet[T]) stage(r *router[T], i int, v *T, also []tuple.Held) {
	lin, first, alive := o.core.descend(also)
	if !alive {
		return
	}
	o.core.at.only = nil
	if r.stage(i, v, lin) {
		o.core.flushRouter(r)
	} else if first {
		o.core.at.only = r.lastEdge()
	}
}

// descend is the lineage of a tuple below the current input, and whether it is the
// input's first, and may be its only one (E4).
func (c *boltCore) descend(also []tuple.Held) (lin tuple.Lineage, first, alive bool) {
	switch a := &c.at; {
	case also == nil && a.lin == nil: // a tick's: anchored to nothing
	case also == nil && a.simple():
		if a.lin.Root != 0 {
			w := c.edges.next()
			first = a.word == 0
			a.word ^= w
			lin.Link = tuple.Link{Root: a.lin.Root, Edge: w}
		}
	default:
		lin, alive = c.child(also)
		return lin, false, alive
	}
	return lin, first, true
}

// mapped emits what a Mapper made in the router's next place.
func (o *outlet[T]) mapped(r *router[T], made *T) {
	o.core.done.emitted++
	if i := r.choose(*made); r.valid(i) {
		o.stage(r, i, made, nil)
	} else {
		v := *made // a flush clears the place
		o.irregular(r, i, &v, nil)
	}
}

// irregular emits to everyone, or to no one, which is a fault of all that v is anchored
// to: what is not sent must not count as done (E3).
func (o *outlet[T]) irregular(r *router[T], i int, v *T, also []tuple.Held) {
	if i != grouping.Everyone {
		o.core.at.fault = r.wrong(i)
		failHeld(also, o.core.at.fault)
		o.core.unsent.Add(1)
		return
	}
	for k := range r.sinks {
		o.stage(r, k, v, also)
	}
}

// Hold implements port.Collector.
func (o *outlet[T]) Hold() tuple.Held {
	c := o.core
	if c.at.lin == nil {
		return tuple.Held{}
	}
	return c.holds.hold(&c.at)
}

// Go implements port.Collector.
func (o *outlet[T]) Go(limit int, f func(context.Context) func() error) {
	o.core.goAsync(limit, o.Hold(), f)
}

// Side implements port.Collector.
func (o *outlet[T]) Side(tag any) any {
	for _, s := range o.core.sides {
		if s.tag == tag {
			return s.out
		}
	}
	o.core.dropped.Add(1)
	return nil
}

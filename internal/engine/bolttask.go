package engine

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/internal/mailbox"
	"github.com/waterspout/waterspout/internal/mesh"
	"github.com/waterspout/waterspout/internal/port"
	"github.com/waterspout/waterspout/tuple"
)

const inboxCapacity = 1024

// What of a task runs now, for the watchdog.
const (
	inNothing int32 = iota
	inExecute
	inTick
	inDrained
	inFlush
	inClose
)

// DeclareBolt makes n a bolt that reads ins and writes out.
func DeclareBolt[I, O any](n *Node, ins []Source[I], newBolt func() bolt.Bolt[I, O]) *Output[O] {
	out := &Output[O]{node: n}
	n.Outputs = append(n.Outputs, out)
	for i, in := range ins {
		n.Inputs = append(n.Inputs, in.input)
		in.attach(n, i)
	}
	n.newTask = func(c *component, index int, _ uint32) task {
		t := &boltTask[I, O]{newBolt: newBolt, main: out}
		t.run, t.comp, t.info = c.run, c, c.info(index)
		t.ctx, t.stop = context.WithCancel(c.run.ctx)
		t.park = mailbox.NewPark()
		t.edges = newEdges()
		t.holds = &holds{core: &t.boltCore}
		t.async.done.wake = t.park.Wake
		t.execute = newLatencies()
		for _, in := range ins {
			made, err := in.inlet(&t.boltCore)
			t.broken = errors.Join(t.broken, err)
			t.inlets = append(t.inlets, made)
		}
		return t
	}
	return out
}

// DeclareSide makes a side stream of n, or returns the one that tag has.
func DeclareSide[U any](n *Node, name string, tag any) *Output[U] {
	for _, s := range n.Outputs {
		if o, ok := s.(*Output[U]); ok && o.tag == tag {
			return o
		}
	}
	o := &Output[U]{node: n, name: name, tag: tag}
	n.Outputs = append(n.Outputs, o)
	return o
}

// A boltTask is one task of a bolt. Its loop is the only goroutine that touches
// it, but for holds, async and the counters.
type boltTask[I, O any] struct {
	boltCore
	newBolt func() bolt.Bolt[I, O]
	main    *Output[O]

	bolt    bolt.Bolt[I, O]
	ticker  bolt.Ticker[O]
	drainer bolt.Drainer[O]
	mapper  func(context.Context, *I, *O) error // nil if Execute is to be called
	inlets  []inlet[I]
	broken  error // of an inlet
	outlet  *outlet[O]
	out     *bolt.Collector[O]
	exec    func(*I, *tuple.Lineage) // made once: a method value costs an allocation

	pace pace
	age  age
	tick tick

	ticksFailed, drainedFailed *tuple.Counter // nil until there is one

	mu      sync.Mutex // guards execute
	execute *latencies // sampled once a batch
}

func (t *boltTask[I, O]) inlet(i int) any { return t.inlets[i].sink() }

func (t *boltTask[I, O]) deliver(i int, p mesh.Parcel) bool {
	return i < len(t.inlets) && t.inlets[i].deliver(p)
}

func (t *boltTask[I, O]) wire() error {
	if t.broken != nil {
		return t.broken
	}
	for _, s := range t.comp.node.Outputs {
		out, err := s.open(&t.boltCore)
		if err != nil {
			return err
		}
		_, tag := s.Side()
		if tag == nil {
			t.outlet = out.(*outlet[O])
		} else if out.(outlets).read() {
			t.sides = append(t.sides, side{tag, out})
		}
	}
	return nil
}

func (t *boltTask[I, O]) prepare() (err error) {
	defer contain("making the bolt", &err)
	made := t.newBolt()
	if err := t.run.unique(made, t.info); err != nil {
		return err // and it is not this task's to close
	}
	t.bolt = made
	t.out = bolt.NewCollector[O](t.outlet)
	t.exec = t.executeOne
	if m, ok := t.bolt.(port.Mapper[I, O]); ok && len(t.outlet.routers) == 1 {
		if t.mapper = m.Mapper(t.bolt); t.mapper != nil {
			t.exec = t.mapOne
		}
	}
	t.ticker, _ = t.bolt.(bolt.Ticker[O])
	t.drainer, _ = t.bolt.(bolt.Drainer[O])
	if o, ok := t.bolt.(bolt.Opener); ok {
		if err := o.Open(t.ctx, t.info); err != nil {
			return err
		}
	}
	if t.ticker != nil { // after Open, which may decide it
		t.tick.every = max(t.ticker.Every(), time.Millisecond)
	}
	return nil
}

func (t *boltTask[I, O]) finish() (err error) {
	defer contain("Close", &err)
	defer t.stop()
	t.holds.failAll(closed{tuple.Failure{Kind: t.ends(), Component: t.info.Component, Text: "the bolt was closed"}})
	if t.bolt == nil {
		return nil
	}
	defer t.run.forget(t.bolt)
	if c, ok := any(t.bolt).(io.Closer); ok {
		t.inside.Store(inClose)
		t.progress.Store(t.run.now())
		defer t.progress.Store(0)
		return c.Close()
	}
	return nil
}

// work is the task's loop: swap the inbox out, execute, flush, sleep.
func (t *boltTask[I, O]) work() {
	if t.ticker != nil {
		t.tick.start(t.park.Wake)
		defer t.tick.stop()
	}
	ready := t.ready
	for !t.cut.Load() {
		t.age.round = false
		n := t.mail()
		for _, in := range t.inlets {
			if in.box().Queued() > 0 {
				n += t.batch(in)
			}
		}
		if n > 0 {
			continue
		}
		t.quiet()
		if t.ended() {
			break
		}
		t.age.rested = !ready() // else it may have come long ago, while Drained was called
		t.park.Wait(ready)
	}
	if t.ticker != nil && !t.cut.Load() {
		t.callTick()
		t.quiet()
	}
	t.async.wait()
	for !t.cut.Load() && t.settleAsync() > 0 { // of the last tick, whose results may begin others
		t.flush()
		t.async.wait()
	}
	t.publish()
}

// ready reports whether the loop has a reason to go round.
func (t *boltTask[I, O]) ready() bool {
	if t.cut.Load() || t.tick.due.Load() || t.async.done.ready.Load() {
		return true
	}
	for _, in := range t.inlets {
		if in.box().Queued() > 0 {
			return true
		}
	}
	return t.ended()
}

func (t *boltTask[I, O]) ended() bool {
	for _, in := range t.inlets {
		if !in.box().Closed() {
			return false
		}
	}
	return t.async.running.Load() == 0 && !t.async.done.ready.Load()
}

// quiet is what a task does before it sleeps.
func (t *boltTask[I, O]) quiet() {
	if t.drainer != nil {
		t.flush() // nothing waits behind it
		t.call(inDrained, func() error { return t.drainer.Drained(t.ctx, t.out) })
	}
	t.flush()
	t.publish()
}

// mail does what came beside the inbox, and returns how many calls of Go ended. A tick
// does not count: it may take longer than what is between two, and then the next one is
// always due, which must not keep the task from being quiet, nor from its end.
func (t *boltTask[I, O]) mail() (n int) {
	tick := t.tick.due.Load() && t.ticker != nil
	if tick {
		t.flush() // nothing waits behind a tick
		t.tick.again()
		t.callTick()
	}
	if t.async.done.ready.Load() {
		n = t.settleAsync()
	}
	if tick || n > 0 {
		t.age.rested = false // it may have taken long, while inputs came
	}
	return n
}

func (t *boltTask[I, O]) callTick() {
	t.call(inTick, func() error { return t.ticker.Tick(t.ctx, t.out) })
}

// call runs user code that has no current input.
func (t *boltTask[I, O]) call(what int32, f func() error) {
	was, since, lin := t.inside.Swap(what), t.progress.Load(), t.at.lin
	t.at.lin, t.at.fault = nil, nil
	start, blocked := t.run.now(), t.blocked
	t.progress.Store(start)
	err := protect(f)
	if err == nil {
		err = t.at.fault
	}
	t.inside.Store(was)
	if since != 0 {
		since = t.run.now()                   // the batch that it interrupted goes on,
		t.blocked = blocked + (since - start) // and was not executing
	}
	t.progress.Store(since)
	t.at.lin = lin
	if err != nil {
		t.run.logStack(err)
		t.info.Log.Error("bolt failed outside Execute", "in", phase(what), "error", err)
		t.countCall(what)
		t.run.opts.Faults.call(t.info, phase(what), err)
		if bolt.IsFatal(err) {
			t.run.Abort(&tuple.TaskError{Task: t.info, Err: err})
		}
	}
}

// countCall counts a call of Tick or Drained that failed. Who never fails makes no
// counter, so that Stats show one only where there is something to be seen.
func (t *boltTask[I, O]) countCall(what int32) {
	c, name := &t.ticksFailed, "ticks failed"
	if what == inDrained {
		c, name = &t.drainedFailed, "drained calls failed"
	}
	if *c == nil {
		*c = t.info.Counter(name)
	}
	(*c).Add(1)
}

func (t *boltTask[I, O]) hurry() {
	t.cut.Store(true)
	t.stop()
	t.park.Wake()
}

// idle reports whether the task has nothing in its hands and nothing queued.
func (t *boltTask[I, O]) idle() bool {
	for _, in := range t.inlets {
		if in.box().Load() > 0 {
			return false
		}
	}
	return t.holds.count() == 0 && t.async.running.Load() == 0 && !t.async.done.ready.Load()
}

// pause is for spouts: a bolt only works on what is there.
func (t *boltTask[I, O]) pause(bool) {}
func (t *boltTask[I, O]) moved()     {}

// forsake fails the trees of all that the task has staged or did not execute (T3).
// What it acked stays acked; what it holds fails with finish.
func (t *boltTask[I, O]) forsake(why tuple.Failure) {
	lose := func(root tuple.Root) { t.run.failRoot(root, why) }
	t.acks.flush(t.run)
	for _, r := range t.routers {
		r.rest(lose)
	}
	for _, in := range t.inlets {
		in.rest(lose)
	}
}

func (t *boltTask[I, O]) doing() string { return phase(t.inside.Load()) }

func (t *boltTask[I, O]) hangUp() {
	for _, in := range t.inlets {
		in.box().Close()
	}
}

func (t *boltTask[I, O]) stats() *Task {
	s := t.boltCore.stats()
	for _, in := range t.inlets {
		s.Queued += in.box().Queued()
	}
	t.mu.Lock()
	s.Execute = t.execute.copy()
	t.mu.Unlock()
	s.detail(t.bolt)
	return s
}

func (t *boltTask[I, O]) hasten() {
	if t.ticker != nil {
		t.tick.due.Store(true)
		t.park.Wake()
	}
}

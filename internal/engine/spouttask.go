package engine

import (
	"context"
	"errors"
	"maps"
	"sync"
	"sync/atomic"

	"github.com/waterspout/waterspout/internal/mesh"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/tuple"
)

// DeclareSpout makes n a spout that writes to the output returned.
func DeclareSpout[T any](n *Node, newSpout func() spout.Spout[T]) *Output[T] {
	out := &Output[T]{node: n}
	n.Outputs = append(n.Outputs, out)
	n.Spout = true
	n.newTask = spoutTasks(out, newSpout)
	return out
}

func spoutTasks[T any](out *Output[T], newSpout func() spout.Spout[T]) func(c *component, index int, instance uint32) task {
	return func(c *component, index int, instance uint32) task {
		t := &spoutTask[T]{run: c.run, comp: c, info: c.info(index), newSpout: newSpout, main: out}
		t.ctx, t.cancel = context.WithCancelCause(c.run.spouts)
		t.opened, t.shut = context.WithCancel(c.run.ctx)
		t.emitter.task = t
		t.emitter.turn.L = &t.emitter.mu
		t.emitter.edges = newEdges()
		t.emitter.kick = make(chan struct{}, 1)
		t.lane = newLane(c, t.info, instance)
		c.run.enlist(t.lane)
		return t
	}
}

// What of a spout runs, when it is not Run.
const (
	spoutTold int32 = iota + 1
	spoutMoves
	spoutCloses
)

// A spoutTask is one task of a spout: the goroutine of Run, the flusher, and
// the lane.
type spoutTask[T any] struct {
	run      *Run
	comp     *component
	info     tuple.Task
	newSpout func() spout.Spout[T]
	main     *Output[T]
	spout    spout.Spout[T]
	lane     *lane
	emitter  emitter[T]

	ctx    context.Context // of Run
	cancel context.CancelCauseFunc
	opened context.Context // of Open: ends with the run, or when the task is cut
	shut   context.CancelFunc
	phase  atomic.Int32 // what of it runs, for doing
}

func (t *spoutTask[T]) inlet(int) any                 { return nil }
func (t *spoutTask[T]) deliver(int, mesh.Parcel) bool { return false }
func (t *spoutTask[T]) hasten()                       {}
func (t *spoutTask[T]) hangUp()                       {}
func (t *spoutTask[T]) forsake(tuple.Failure)         {}
func (t *spoutTask[T]) ackLane() *lane                { return t.lane }

func (t *spoutTask[T]) doing() string {
	return [...]string{"Run", "Ack or Fail", "Moved", "Close"}[t.phase.Load()]
}

func (t *spoutTask[T]) wire() (err error) {
	t.emitter.routers, err = wireRouters(t.run, t.main)
	return err
}

func (t *spoutTask[T]) prepare() (err error) {
	defer contain("making the spout", &err)
	made := t.newSpout()
	if err := t.run.unique(made, t.info); err != nil {
		return err // and it is not this task's to close
	}
	t.spout = made
	t.lane.tracker, _ = any(t.spout).(spout.Tracker)
	if o, ok := any(t.spout).(spout.Opener); ok {
		return o.Open(t.opened, t.info)
	}
	return nil
}

// work is Run, with a flusher beside it for what waits in the emitter while Run
// blocks on something else.
func (t *spoutTask[T]) work() {
	err := t.flushed(func() error { return t.spout.Run(t.ctx, spout.NewEmitter[T](&t.emitter)) })
	t.phase.Store(spoutTold)
	t.emitter.lockAndFlush() // what Run left behind
	switch {
	case err == nil || t.ctx.Err() != nil && errors.Is(err, context.Cause(t.ctx)):
	case t.ctx.Err() != nil && errors.Is(err, context.Canceled):
	default:
		t.run.Abort(&tuple.TaskError{Task: t.info, Err: err})
	}
	t.run.poke()
}

// flushed calls f with a flusher beside it, which has ended when it returns.
func (t *spoutTask[T]) flushed(f func() error) (err error) {
	e := &t.emitter
	var flusher sync.WaitGroup
	flusher.Go(func() {
		for range e.kick {
			e.lockAndFlush()
		}
	})
	whole := false
	defer func() {
		if !whole { // the flusher may wait for something that only the end releases
			t.run.Abort(&tuple.TaskError{Task: t.info, Err: errGoexit})
		}
		e.Stop() // also for goroutines that the spout forgot
		close(e.kick)
		flusher.Wait()
	}()
	err = protect(f)
	whole = true
	return err
}

func (t *spoutTask[T]) finish() (err error) {
	defer contain("Close", &err)
	defer t.cancel(ErrDrained)
	defer t.shut()
	if t.spout == nil {
		return nil
	}
	defer t.run.forget(t.spout)
	t.phase.Store(spoutCloses)
	return closer(t.spout)
}

// stop makes every further emit report false (D1).
func (t *spoutTask[T]) hurry() {
	t.cancel(ErrDrained)
	t.emitter.Stop()
}

// giveUp ends what hurry lets come to its end: an Open, the wait for answers.
func (t *spoutTask[T]) giveUp() {
	t.shut()
	t.lane.giveUp()
}

func (t *spoutTask[T]) moved() {
	if m, ok := any(t.spout).(spout.Mover); ok {
		t.phase.Store(spoutMoves)
		m.Moved()
	}
}

func (t *spoutTask[T]) pause(on bool) { t.emitter.pause(on) }

func (t *spoutTask[T]) stats() *Task {
	l := t.lane
	s := &Task{
		Task: t.info, Spout: true,
		Emitted: l.emitted.Load(), Acked: l.acked.Load(), Unsent: l.unsent.Load(), Pending: l.pending(),
	}
	for k := range s.FailedBy {
		s.FailedBy[k] = l.failed[k].Load()
	}
	l.mu.Lock()
	s.Complete = l.complete.copy()
	s.Window = l.window.Size()
	if oldest := l.ledger.Oldest(); oldest > 0 {
		s.Oldest = l.run.now() - oldest
	}
	l.mu.Unlock()
	s.detail(t.spout)
	if last := l.blame.lastFailure(); last != "" {
		s.Detail = maps.Clone(s.Detail)
		if s.Detail == nil {
			s.Detail = map[string]string{}
		}
		s.Detail["last failure"] = last
	}
	return s
}

package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/waterspout/waterspout/tuple"
	"time"
)

// A life takes the tasks of a run from open to close.
type life struct {
	run   *Run
	hosts []*host
	lanes sync.WaitGroup

	closing  bool      // nothing is left to be saved by an abort
	deadline time.Time // of the drain, once there is one
}

// A host is the goroutine of one task, and where it stands.
type host struct {
	task  task
	comp  *component
	index int
	lane  *lane // of a spout

	step     chan struct{} // lets the task go on, to work and to finish
	err      error         // of prepare, then of finish
	over     atomic.Bool   // work returned
	finished atomic.Bool
}

func newLife(r *Run) *life {
	l := &life{run: r}
	for _, c := range r.components {
		for i, t := range c.tasks {
			h := &host{task: t, comp: c, index: i, step: make(chan struct{}, 2)}
			if s, ok := t.(interface{ ackLane() *lane }); ok {
				h.lane = s.ackLane()
			}
			l.hosts = append(l.hosts, h)
		}
	}
	return l
}

// told reports whether a spout has been told of all outcomes; a bolt is told of none.
func (h *host) told() bool {
	if h.lane == nil {
		return true
	}
	select {
	case <-h.lane.told:
		return true
	default:
		return false
	}
}

// host takes a task through prepare, work and finish, each when it is told to.
func (l *life) host(h *host, opened *sync.WaitGroup) {
	whole := false
	told := sync.OnceFunc(opened.Done)
	defer func() {
		if !whole {
			l.desert(h)
		}
		told()
	}()
	h.err = protect(h.task.prepare)
	told()
	<-h.step
	if !l.run.aborted.Load() {
		h.task.work()
	}
	h.over.Store(true)
	l.run.poke()
	<-h.step
	if h.lane != nil {
		<-h.lane.told // Close comes after the last Ack and Fail
	}
	h.err = joined(h.err, protect(h.task.finish))
	h.finished.Store(true)
	whole = true
	l.run.poke()
}

// desert ends the run for a task whose goroutine user code has ended: that is
// what FailNow and Fatal of package testing do outside the test's own goroutine.
func (l *life) desert(h *host) {
	h.err = errGoexit
	l.run.Abort(&tuple.TaskError{Task: h.comp.info(h.index), Err: h.err})
	h.over.Store(true)
	h.finished.Store(true)
	l.run.poke()
}

// open opens all tasks at once, and lets them work if all could be opened. Else
// all are closed again.
func (l *life) open(ctx context.Context) error {
	r := l.run
	// Whoever gives up while tasks open wants no drain.
	stop := context.AfterFunc(ctx, func() { r.cancel(context.Cause(ctx)) })
	var opened, ended sync.WaitGroup
	opened.Add(len(l.hosts))
	for _, h := range l.hosts {
		ended.Go(func() { l.host(h, &opened) })
	}
	opened.Wait()
	gaveUp := !stop()
	errs := l.openErrors(gaveUp)
	if gaveUp && len(errs) == 0 {
		errs = append(errs, context.Cause(ctx))
	}
	if len(errs) > 0 {
		err := joined(errs...)
		r.cancel(err)
		r.aborted.Store(true)
		for _, lane := range r.lanes { // which have nothing to tell
			close(lane.told)
		}
		for _, h := range l.hosts {
			h.step <- struct{}{}
			h.step <- struct{}{}
		}
		ended.Wait()
		return err
	}
	for _, lane := range r.lanes {
		l.lanes.Go(lane.guard)
	}
	for _, h := range l.hosts {
		h.step <- struct{}{}
	}
	return nil
}

// openErrors are those of all Opens, once for tasks of a component that say the
// same.
func (l *life) openErrors(gaveUp bool) (errs []error) {
	seen := map[string]bool{}
	for _, h := range l.hosts {
		if h.err == nil || gaveUp && errors.Is(h.err, context.Canceled) {
			continue // what gave up with us is no reason
		}
		if key := h.comp.node.Name + ": " + h.err.Error(); !seen[key] {
			seen[key] = true
			errs = append(errs, &tuple.TaskError{Task: h.comp.info(h.index), Err: h.err})
			l.run.logStack(h.err)
		}
	}
	return errs
}

// guard is work, but that a panic of the spout's Ack or Fail ends the run.
func (l *lane) guard() {
	whole := false
	defer func() {
		if !whole { // Ack or Fail called runtime.Goexit
			l.run.Abort(&tuple.TaskError{Task: l.info, Err: fmt.Errorf("in Ack or Fail: %w", errGoexit)})
		}
		if !l.over { // the others are to be told all the same
			l.guard()
			return
		}
		close(l.told)
		l.run.poke()
	}()
	for !l.over {
		if err := protect(func() error { l.work(); return nil }); err != nil && !l.broke {
			l.broke = true // the log has its stack once
			l.run.Abort(&tuple.TaskError{Task: l.info, Err: fmt.Errorf("in Ack or Fail: %w", err)})
		}
	}
	whole = true
}

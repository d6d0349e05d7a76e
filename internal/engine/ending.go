package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/waterspout/waterspout/tuple"
)

// see lets the topology run to its end and takes its tasks down: first what is
// open, then bolts from upstream to downstream, then the lanes, and the spouts
// last, since until then they are told of outcomes.
func (l *life) see() error {
	r := l.run
	defer context.AfterFunc(r.ctx, r.poke)()
	watch := newWatch(r)
	watch.start()
	defer watch.stop()

	// A task may fail and all be done before anyone looks.
	clean := l.exhaust() && l.settle() && l.closeBolts() && r.ctx.Err() == nil
	if !clean {
		l.abort()
	}
	l.closing = true
	punctual := l.await(l.rest(), l.allOver)
	for _, lane := range r.lanes {
		lane.end()
	}
	if l.await(l.rest(), l.allTold) {
		l.lanes.Wait()
	} else {
		punctual = false
	}
	for _, h := range l.hosts {
		h.step <- struct{}{}
	}
	punctual = l.await(l.rest(), l.allFinished) && punctual
	r.gone.rest()
	return l.verdict(clean, punctual)
}

// exhaust waits until no spout emits any more.
func (l *life) exhaust() bool {
	r := l.run
	ok := l.await(0, func() bool { return r.Draining() || l.spoutsOver() })
	if !ok || !r.Draining() {
		return ok
	}
	for _, h := range l.hosts {
		if h.comp.node.Spout {
			h.task.hurry()
		}
	}
	if l.await(l.grace(), l.spoutsOver) {
		return true
	}
	r.Abort(fmt.Errorf("the drain took longer than %v: %s", r.opts.Grace, l.stuck()))
	return false
}

// settle waits until no tree is open, and makes those who hold inputs flush
// them meanwhile (D2).
func (l *life) settle() bool {
	r := l.run
	for {
		for _, h := range l.hosts {
			h.task.hasten()
		}
		if l.await(max(min(time.Second, l.grace()), 1), l.settled) {
			return true
		}
		if r.ctx.Err() != nil {
			return false
		}
		if l.grace() <= 0 {
			r.Abort(&tuple.AbandonedError{Open: l.openTrees()})
			return false
		}
	}
}

// grace is what is left of the grace, which begins when the drain is noticed.
func (l *life) grace() time.Duration {
	if !l.run.Draining() {
		return l.run.opts.Grace
	}
	if l.deadline.IsZero() {
		l.deadline = time.Now().Add(l.run.opts.Grace)
	}
	return time.Until(l.deadline)
}

// Moment is what user code that was told to end gets at the least, when the grace is over:
// little, so that a process which drains ends before whoever asked for it loses patience.
const Moment = 500 * time.Millisecond

// rest is how long to wait for tasks that were told to end.
func (l *life) rest() time.Duration { return max(l.grace(), Moment) }

// closeBolts ends the bolts, each after all that it reads from.
func (l *life) closeBolts() bool {
	for _, c := range l.run.components {
		if c.node.Spout {
			continue
		}
		for _, t := range c.tasks {
			t.hangUp()
		}
		over := func() bool { return l.over(c) }
		if !l.await(0, func() bool { return l.run.Draining() || over() }) {
			return false
		}
		if !over() && !l.await(max(l.grace(), 1), over) {
			l.run.Abort(fmt.Errorf("the drain took longer than %v: %s", l.run.opts.Grace, l.stuck()))
			return false
		}
	}
	return true
}

// abort makes every task return as soon as it can.
func (l *life) abort() {
	l.run.aborted.Store(true)
	for _, h := range l.hosts {
		h.task.hurry()
		h.task.hangUp()
	}
}

// await waits until cond holds. It gives up after timeout, if there is one, and
// when the run is aborted, unless it is closing already.
func (l *life) await(timeout time.Duration, cond func() bool) bool {
	var over <-chan time.Time
	if timeout > 0 {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		over = timer.C
	}
	for !cond() {
		if l.run.ctx.Err() != nil && !l.closing {
			return false
		}
		select {
		case <-l.run.state:
		case <-over:
			return cond()
		}
	}
	return true
}

func (l *life) spoutsOver() bool {
	return l.all(func(h *host) bool { return h.over.Load() || !h.comp.node.Spout })
}

func (l *life) over(c *component) bool {
	return l.all(func(h *host) bool { return h.comp != c || h.over.Load() })
}

func (l *life) allOver() bool { return l.all(func(h *host) bool { return h.over.Load() }) }

func (l *life) allTold() bool { return l.all((*host).told) }

func (l *life) allFinished() bool {
	return l.all(func(h *host) bool { return h.finished.Load() || !h.over.Load() || !h.told() })
}

func (l *life) all(cond func(*host) bool) bool {
	for _, h := range l.hosts {
		if !cond(h) {
			return false
		}
	}
	return true
}

func (l *life) settled() bool { return l.openTrees() == 0 }

func (l *life) openTrees() (n int) {
	for _, lane := range l.run.lanes {
		n += lane.pending()
	}
	return n
}

// verdict is the error of Wait.
func (l *life) verdict(clean, punctual bool) error {
	var errs []error
	if !clean {
		errs = append(errs, context.Cause(l.run.ctx))
	}
	if !punctual {
		errs = append(errs, fmt.Errorf("left behind: %s", l.stuck()))
	}
	for _, h := range l.hosts {
		if h.finished.Load() && h.err != nil {
			l.run.logStack(h.err)
			errs = append(errs, &tuple.TaskError{Task: h.comp.info(h.index), Err: fmt.Errorf("close: %w", h.err)})
		}
	}
	return joined(errs...)
}

// joined is errors.Join on one line; one error stays what it is.
func joined(errs ...error) error {
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	switch len(errs) {
	case 0:
		return nil
	case 1:
		return errs[0]
	}
	return lineOf(errs)
}

// A lineOf is several errors on one line.
type lineOf []error

func (l lineOf) Error() string {
	texts := make([]string, len(l))
	for i, err := range l {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

func (l lineOf) Unwrap() []error { return l }

// stuck names the tasks that have not returned.
func (l *life) stuck() string {
	var names []string
	for _, h := range l.hosts {
		if !h.over.Load() {
			names = append(names, fmt.Sprintf("%v did not return from %s", h.comp.info(h.index), h.task.doing()))
		} else if !h.told() {
			names = append(names, fmt.Sprintf("%v did not return from Ack or Fail", h.comp.info(h.index)))
		} else if !h.finished.Load() && l.run.aborted.Load() {
			names = append(names, fmt.Sprintf("%v did not return from Close", h.comp.info(h.index)))
		}
	}
	if len(names) > 4 {
		names = append(names[:4], fmt.Sprintf("and %d more", len(names)-4))
	}
	return strings.Join(names, ", ")
}

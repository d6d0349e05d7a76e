package engine

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/waterspout/waterspout/tuple"
)

// async are the goroutines that a bolt task started with Collector.Go. The task
// owns them and waits for them before it ends.
type async struct {
	running atomic.Int64
	group   sync.WaitGroup
	slots   chan struct{}
	done    finished
}

// finished are calls that returned, on their way to the task's goroutine.
type finished struct {
	ready atomic.Bool
	wake  func()

	mu    sync.Mutex // guards calls
	calls []call
}

type call struct {
	held tuple.Held
	then func() error
	err  error // of a panic
}

// finish runs, on the task's goroutine, what the call returned.
func (c call) finish() error {
	if c.err != nil || c.then == nil {
		return c.err
	}
	return protect(c.then)
}

func (d *finished) put(c call) {
	d.mu.Lock()
	d.calls = append(d.calls, c)
	d.ready.Store(true)
	d.mu.Unlock()
}

func (d *finished) take() []call {
	d.mu.Lock()
	defer d.mu.Unlock()
	calls := d.calls
	d.calls = nil
	d.ready.Store(false)
	return calls
}

func (a *async) wait() { a.group.Wait() }

// goAsync runs f on a goroutine. It blocks while limit of them run, having
// handed over what is staged; a slot is free when f returns, not when its
// result is handled, so that the task may wait here.
func (c *boltCore) goAsync(limit int, held tuple.Held, f func(context.Context) func() error) {
	a := &c.async
	if limit > 0 {
		if a.slots == nil {
			a.slots = make(chan struct{}, limit)
		}
		select {
		case a.slots <- struct{}{}:
		default:
			c.flush()
			select {
			case a.slots <- struct{}{}:
			case <-c.ctx.Done():
				c.at.fault = context.Cause(c.ctx) // the input is not done without this call
				return
			}
		}
	}
	if holder, slot, gen := held.Slot(); holder != nil {
		if c.going == nil {
			c.going = map[turn]int{}
		}
		c.going[turnOf(slot, gen)]++
	}
	a.running.Add(1)
	a.group.Go(func() {
		done := call{held: held, err: errGoexit} // if f does not return
		defer func() {
			if limit > 0 {
				<-a.slots
			}
			a.done.put(done)
			a.running.Add(-1)
			a.done.wake()
		}()
		done.err = protect(func() error {
			done.then = f(c.ctx)
			return nil
		})
	})
}

// settleAsync handles the results of calls that returned, each with its input
// as the current one. An input has its outcome with the last of its calls, or with the
// first that fails; a result may begin further calls.
func (t *boltTask[I, O]) settleAsync() int {
	calls := t.async.done.take()
	for _, c := range calls {
		holder, slot, gen := c.held.Slot()
		if holder == nil { // begun by a tick: no input waits for it
			t.call(inTick, func() error { return c.finish() })
			continue
		}
		at := turnOf(slot, gen)
		open := t.holds.resume(&t.at, at)
		var err error
		if open {
			err = c.finish()
			t.at.lin = nil
		}
		t.going[at]--
		switch more := t.going[at] > 0; {
		case !open:
		case more:
			t.holds.returned(at, err, t.at.fault)
		default:
			t.holds.conclude(at, err, t.at.fault)
		}
		if t.going[at] == 0 {
			delete(t.going, at)
		}
		if f, ok := errors.AsType[tuple.Failure](err); ok && f.Kind == tuple.Panic {
			t.logPanic(f)
		}
	}
	return len(calls)
}

// resume makes a held input the current one again, if it is still open.
func (h *holds) resume(a *anchor, t turn) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.slab.has(t) {
		return false
	}
	h.executing.Store(uint64(t))
	h.lin = h.lineageLocked(t.slot())
	a.begin(&h.lin)
	a.held = t
	return true
}

// conclude ends a resumed input with err, unless it was settled meanwhile.
func (h *holds) conclude(t turn, err, fault error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.concludeLocked(t, err, fault)
	h.publishLocked()
}

package spouttest

import (
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/tuple"
)

const (
	pause    = 100 * time.Millisecond // without a change, for a spout to count as waiting
	hopeless = 1000                   // refusals that say that a spout does not listen
)

// An engine is the other side of one spout. It implements port.Emitter.
type engine[T any] struct {
	suite   *suite
	spout   spout.Spout[T]
	tracker spout.Tracker // the spout, or nil

	limit  int  // open trees at most, 0: no limit
	accept int  // emits before they are refused, -1: no limit
	before bool // the context ends before Run
	unused bool // no Run
	acking bool // the acker runs

	mu       sync.Mutex // guards what follows
	change   sync.Cond  // on mu
	open     []uint64   // ids, oldest first
	emitted  int
	settled  int
	rooted   int // emits with an id
	told     int // of them, in their order
	refusals int
	twice    error // an id was open twice
	refusing bool
	stopped  bool // no more outcomes come from the acker

	opening, running, closing stage

	after []func() // owned goroutines to wait for
}

func newEngine[T any](s *suite, sp spout.Spout[T]) *engine[T] {
	e := &engine[T]{suite: s, spout: sp, accept: -1, opening: newStage(), running: newStage(), closing: newStage()}
	e.tracker, _ = sp.(spout.Tracker)
	e.change.L = &e.mu
	return e
}

func (e *engine[T]) Emit(T) bool { return e.take(nil) }

func (e *engine[T]) EmitID(_ T, id uint64) bool { return e.take(&id) }

// take takes a while, as back pressure would have it: without that, virtual time would
// stand still under a spout that emits for ever.
func (e *engine[T]) take(id *uint64) bool {
	time.Sleep(time.Millisecond)
	e.mu.Lock()
	defer e.mu.Unlock()
	for !e.refusing && e.accept != 0 && e.limit > 0 && len(e.open) >= e.limit {
		e.change.Wait()
	}
	defer e.change.Broadcast()
	if e.refusing || e.accept == 0 {
		if e.refusals++; e.refusals > hopeless {
			runtime.Goexit() // nothing else stops a spout that does not listen; tooMany tells
		}
		return false
	}
	e.accept--
	e.emitted++
	if id == nil {
		e.settled++
		return true
	}
	for _, other := range e.open {
		if other == *id && e.tracker != nil {
			e.twice = fmt.Errorf("id %d was emitted again before its outcome: outcomes cannot be told apart", *id)
		}
	}
	e.open = append(e.open, *id)
	e.awaitLocked()
	return true
}

// awaitLocked has each other two outcomes come before EmitID returns, a Fail and an Ack:
// a spout that does not expect them yet loses them.
func (e *engine[T]) awaitLocked() {
	e.rooted++
	mine := e.rooted
	if !e.acking || (mine-1)/2%2 != 0 {
		return
	}
	e.change.Broadcast()
	for e.told < mine && !e.stopped {
		e.change.Wait()
	}
}

// refuse makes all emits report false from now on.
func (e *engine[T]) refuse() { e.set(func() { e.refusing = true }) }

func (e *engine[T]) set(f func()) {
	e.mu.Lock()
	f()
	e.mu.Unlock()
	e.change.Broadcast()
}

func (e *engine[T]) counts() (settled, emitted int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.settled, e.emitted
}

func (e *engine[T]) tooMany() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.refusals > trailing {
		return fmt.Errorf("it went on emitting %d times after an emit reported false", e.refusals-1)
	}
	return nil
}

// acker settles trees on a goroutine of its own, oldest first, until stopAcker.
func (e *engine[T]) acker(fails bool) {
	e.acking = true
	var beside sync.WaitGroup
	beside.Go(func() {
		for n := 0; ; n++ {
			id, ok := e.oldest()
			if !ok {
				return
			}
			e.tell(id, fails && n%2 == 0, failure)
			e.set(func() { e.settled, e.told = e.settled+1, e.told+1 })
		}
	})
	e.after = append(e.after, beside.Wait)
}

// oldest waits for an open tree and closes it. Its outcome follows.
func (e *engine[T]) oldest() (id uint64, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for len(e.open) == 0 {
		if e.stopped {
			return 0, false
		}
		e.change.Wait()
	}
	id, e.open = e.open[0], e.open[1:]
	e.change.Broadcast()
	return id, true
}

func (e *engine[T]) tell(id uint64, fail bool, why spout.Failure) {
	switch {
	case e.tracker == nil:
	case fail:
		e.tracker.Fail(id, why)
	default:
		e.tracker.Ack(id)
	}
}

func (e *engine[T]) stopAcker() {
	e.set(func() { e.stopped = true })
	for _, wait := range e.after {
		wait()
	}
	e.settleOpen()
}

// settleOpen ends what is open, as at the end of a topology.
func (e *engine[T]) settleOpen() {
	e.mu.Lock()
	open := e.open
	e.open = nil
	e.mu.Unlock()
	for i, id := range open {
		e.tell(id, i%2 == 0, spout.Failure{Kind: tuple.Shutdown, Text: "the topology ended"})
	}
}

// waitUntil waits until done, on mu, says so, or Run returned, or nothing has changed
// for as long as quietly.
func (e *engine[T]) waitUntil(quietly time.Duration, done func() bool) bool {
	for quiet := 0; ; quiet++ {
		e.mu.Lock()
		ok, settled, emitted := done(), e.settled, e.emitted
		e.mu.Unlock()
		if ok {
			return true
		}
		select {
		case <-e.running.over:
			return false
		case <-time.After(pause):
		}
		if s, n := e.counts(); s != settled || n != emitted {
			quiet = 0
		}
		if quiet > int(quietly/pause) {
			return false
		}
	}
}

// waitIdle waits until the spout has emitted what it can.
func (e *engine[T]) waitIdle() {
	e.waitUntil(e.soon(), func() bool { return len(e.open) >= e.limit || e.emitted >= endless })
}

func (e *engine[T]) waitRefused() bool {
	return e.waitUntil(e.soon(), func() bool { return e.refusals > 0 })
}

// soon is how long a spout may do nothing before the kit goes on.
func (e *engine[T]) soon() time.Duration { return min(e.suite.within, time.Minute) }

// waitSettled waits until the trees of n values have ended. It is an error if the spout
// stops before: nothing is open, so that it waits for what will not come. One that is
// driven may wait for its driver.
func (e *engine[T]) waitSettled(n int) error {
	quietly := e.suite.within
	if e.suite.drive != nil || e.suite.real {
		quietly = e.soon()
	}
	if e.waitUntil(quietly, func() bool { return e.settled >= n }) || e.suite.drive != nil || e.running.isOver() {
		return nil
	}
	settled, emitted := e.counts()
	return fmt.Errorf("it emits nothing and does not return, after %d values, of which %d trees have ended: give Drive if it is filled from outside", emitted, settled)
}

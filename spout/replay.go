package spout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waterspout/waterspout/tuple"
)

// A Replayer emits the values of another spout until each of them is done. [Replay]
// makes it.
type Replayer[T any] struct {
	spout   Spout[T]
	tracker Tracker // the spout, or nil
	dead    func(T, Failure)
	gaveUp  interface{ Add(int64) }
	log     *slog.Logger
	again   atomic.Uint64 // emits that were replays

	mu      sync.Mutex // guards backlog; never held while anything blocks or the spout is called
	backlog backlog[T]
	room    sync.Cond     // on mu: the backlog has room, or the context ended
	wake    chan struct{} // what next says may have changed
	telling sync.Mutex    // makes the calls of tracker one by one
}

// Replay makes a constructor of spouts that emit what newSpout's emit, at least once:
// a value whose tree failed is emitted again, after a delay and any number of other
// values later, until its tree is acked. Values sent with Emit and with EmitID are
// treated alike, and every attempt roots a new tree (rule L3). Values are kept in
// memory, so those that are open when the process dies are emitted again only if the
// source itself offers them again; that is why Tracker exists, and package kafka.
//
// A value is given up, handed to dead and forgotten when a bolt rejected it or when
// r.Attempts attempts of it failed by errors and panics (rule P4: timeouts and lost
// links never count). Dead is called on a goroutine of the Replayer, one call at a
// time for each task, and may block; meanwhile this task replays nothing. A nil dead
// drops the value; the counter "values given up" counts both.
//
// Replays are at most a tenth of the live emits, and a few more, unless the wrapped
// spout is idle (rule O2). While 4,096 values wait for their replay, live ones are
// held back. Once the context has ended nothing is emitted (rule D1): what fails
// then, with Kind Shutdown or after its partition was revoked, is not retried and is
// not handed to dead.
//
// Run returns when the wrapped one has returned and every value is settled. If the
// wrapped spout is a [Tracker], it is told the final outcome of each of its EmitID,
// never two at once, though from more than one goroutine: an Ack, or the last Fail,
// of which the Kinds Shutdown and Revoked say that the value is not done, and the
// others that dead has returned. It must not block in them. The wrapped spout may be
// an [Opener], an [io.Closer], a [Reporter] and a [Repeater], too.
func Replay[T any, S Spout[T]](newSpout func() S, r Retry, dead func(T, Failure)) func() *Replayer[T] {
	if newSpout == nil {
		return nil
	}
	return func() *Replayer[T] {
		p := &Replayer[T]{
			spout:   newSpout(),
			dead:    dead,
			gaveUp:  Task{}.Counter(""),
			log:     slog.New(slog.DiscardHandler),
			backlog: backlog[T]{retry: r},
			wake:    make(chan struct{}, 1),
		}
		p.tracker, _ = p.spout.(Tracker)
		p.room.L = &p.mu
		return p
	}
}

// Open opens the wrapped spout if it is an Opener.
func (p *Replayer[T]) Open(ctx context.Context, task Task) error {
	p.gaveUp = task.Counter("values given up")
	if task.Log != nil {
		p.log = task.Log
	}
	if o, ok := p.spout.(Opener); ok {
		return o.Open(ctx, task)
	}
	return nil
}

// Close closes the wrapped spout if it is an io.Closer.
func (p *Replayer[T]) Close() error {
	if c, ok := p.spout.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// Detail is what the wrapped spout reports, if it is a Reporter.
func (p *Replayer[T]) Detail() map[string]string {
	if r, ok := p.spout.(Reporter); ok {
		return r.Detail()
	}
	return nil
}

// Replayed is how often a value was emitted again, by the wrapped spout, too, if it is
// a Repeater.
func (p *Replayer[T]) Replayed() uint64 {
	n := p.again.Load()
	if r, ok := p.spout.(Repeater); ok {
		n += r.Replayed()
	}
	return n
}

// Run runs the wrapped spout, and replays beside it on a goroutine of its own, which
// has ended when Run returns.
func (p *Replayer[T]) Run(ctx context.Context, out *Emitter[T]) error {
	ctx, cancel := context.WithCancel(ctx)
	var replayed error
	var beside sync.WaitGroup
	beside.Go(func() {
		defer cancel() // the wrapped spout must not outlive its replays
		replayed = errors.New("spout: user code called runtime.Goexit beside Replay, as t.Fatal does; return an error instead")
		defer func() {
			if r := recover(); r != nil {
				replayed = fmt.Errorf("spout: beside Replay: %w", tuple.Failure{Kind: tuple.Panic, Text: fmt.Sprintf("%v\n%s", r, debug.Stack())})
			}
		}()
		replayed = p.replay(ctx, out)
	})
	finish := func(clean bool) {
		if !clean {
			cancel()
			out.stop()
		}
		p.update(func() { p.backlog.emptied = true })
		beside.Wait()
	}
	returned := false
	defer func() {
		if !returned { // the spout panicked: the engine sees it, but not our goroutine
			finish(false)
		}
		cancel()
	}()
	err := p.spout.Run(ctx, NewEmitter(&replayPort[T]{p, out, cancel}))
	returned = true
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = nil // that it was told to end is not news
	}
	finish(err == nil)
	return errors.Join(err, replayed)
}

// replay emits what is due and gives up what is to be given up, until all is settled
// or ctx ends.
func (p *Replayer[T]) replay(ctx context.Context, out *Emitter[T]) error {
	defer p.abandon()
	timer := time.NewTimer(forever)
	defer timer.Stop()
	for {
		if ctx.Err() != nil {
			p.end() // rule D1
		}
		p.mu.Lock()
		do, id, wait := p.backlog.next(time.Now())
		v, why := p.backlog.content(do, id)
		p.room.Broadcast()
		p.mu.Unlock()
		switch do {
		case stop:
			return nil
		case emit:
			if !out.EmitID(v, id) {
				p.refused(id)
				return nil
			}
			p.again.Add(1)
		case bury:
			if err := p.bury(v, why); err != nil {
				p.settle(id, unfinished(why))
				return err
			}
			p.settle(id, &why)
		case sleep:
			timer.Reset(wait)
			select {
			case <-ctx.Done():
			case <-p.wake:
			case <-timer.C:
			}
		}
	}
}

// bury gives a value up. Its error is a panic of dead.
func (p *Replayer[T]) bury(v T, why Failure) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("spout: the dead function of Replay panicked: %v\n%s", r, debug.Stack())
		}
	}()
	if p.dead == nil {
		p.log.Warn("value given up and dropped; pass a dead function to spout.Replay to keep such values", "why", why)
	} else {
		p.dead(v, why)
	}
	p.gaveUp.Add(1)
	return nil
}

// unfinished is what the wrapped spout is told of a value that failed with why and
// will not be tried again here, though nobody gave it up.
func unfinished(why Failure) *Failure {
	return &Failure{Kind: tuple.Shutdown, Text: why.Error(), Age: why.Age}
}

// update changes the backlog and has its owner look at it.
func (p *Replayer[T]) update(f func()) {
	p.mu.Lock()
	f()
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default: // it is to be woken already
	}
}

func (p *Replayer[T]) end() {
	p.update(func() {
		p.backlog.ended = true
		p.room.Broadcast()
	})
}

// refused puts an item back that the engine did not take for its replay.
func (p *Replayer[T]) refused(id uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.backlog.postpone(id)
}

// abandon ends the run of replays: what still waits has failed for good.
func (p *Replayer[T]) abandon() {
	p.end()
	for {
		p.mu.Lock()
		id, ok := p.backlog.abandon()
		var why Failure
		if ok {
			why = p.backlog.items[uint32(id)].why
		}
		p.mu.Unlock()
		if !ok {
			return
		}
		p.settle(id, unfinished(why))
	}
}

// Ack settles a value.
func (p *Replayer[T]) Ack(id uint64) {
	p.mu.Lock()
	it := p.backlog.get(id, open)
	if it != nil {
		it.state = ending
	}
	p.mu.Unlock()
	if it != nil {
		p.settle(id, nil)
	}
}

// Fail has a value emitted again, gives it up, or settles it.
func (p *Replayer[T]) Fail(id uint64, why Failure) {
	now, jitter := time.Now(), rand.Float64()
	final, ended := false, false
	p.update(func() {
		if it := p.backlog.get(id, open); it != nil {
			final, ended = p.backlog.fail(it, id, why, now, jitter), p.backlog.ended
		}
	})
	switch {
	case final && ended && why.Kind != tuple.Shutdown:
		p.settle(id, unfinished(why))
	case final:
		p.settle(id, &why)
	}
}

// settle tells the wrapped spout the outcome of an item that is ending, and only then
// forgets the item: Run does not return before the spout knows all.
func (p *Replayer[T]) settle(id uint64, why *Failure) {
	p.mu.Lock()
	it := p.backlog.get(id, ending)
	inner, tracked := it.inner, it.tracked
	p.mu.Unlock()
	if tracked && p.tracker != nil {
		p.tell(inner, why)
	}
	p.mu.Lock()
	p.backlog.drop(id)
	last := p.backlog.emptied && p.backlog.live == 0
	p.mu.Unlock()
	if last {
		p.update(func() {})
	}
}

func (p *Replayer[T]) tell(inner uint64, why *Failure) {
	p.telling.Lock()
	defer p.telling.Unlock()
	if why == nil {
		p.tracker.Ack(inner)
		return
	}
	p.tracker.Fail(inner, *why)
}

// A replayPort is the wrapped spout's side of a Replayer.
type replayPort[T any] struct {
	*Replayer[T]
	out    *Emitter[T]
	cancel context.CancelFunc
}

func (p *replayPort[T]) Emit(v T) bool              { return p.send(v, 0, false) }
func (p *replayPort[T]) EmitID(v T, id uint64) bool { return p.send(v, id, true) }

// Stop implements port.Stopper.
func (p *replayPort[T]) Stop() {
	p.cancel()
	p.out.stop()
}

// send registers the value before it is emitted: its outcome may come first.
func (p *replayPort[T]) send(v T, inner uint64, tracked bool) bool {
	p.mu.Lock()
	b := &p.backlog
	for !b.ended && !b.room() {
		p.Replayer.room.Wait()
	}
	if b.ended {
		p.mu.Unlock()
		return false
	}
	id := b.add(v, inner, tracked)
	b.pace.Begin()
	p.mu.Unlock()

	sent := p.out.EmitID(v, id)

	p.mu.Lock()
	if sent {
		b.pace.Live()
	} else {
		b.pace.Cancel()
		b.drop(id)
	}
	credit := b.starved && b.pace.Ready()
	p.mu.Unlock()
	if !sent {
		p.cancel()
	} else if credit {
		p.update(func() {})
	}
	return sent
}

// Name is the wrapped spout's, if it has one: it enters the topology's fingerprint.
func (p *Replayer[T]) Name() string {
	if n, ok := p.spout.(interface{ Name() string }); ok {
		return n.Name()
	}
	return ""
}

// Moved implements [Mover] for the wrapped spout.
func (p *Replayer[T]) Moved() {
	if m, ok := p.spout.(Mover); ok {
		m.Moved()
	}
}

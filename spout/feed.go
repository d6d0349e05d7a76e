package spout

import (
	"context"
	"sync"

	"github.com/waterspout/waterspout/tuple"
)

// A Feed is a source that other goroutines of the program fill: request handlers,
// tests. [Feed.New] is the constructor for the topology:
//
//	hooks := spout.NewFeed[Hook]()
//	topology.Spout(b, "hooks", hooks.New)
//	err := hooks.Send(r.Context(), hook) // in a handler, once the topology runs
//
// All tasks of the component share the Feed. Its methods may be called from any
// goroutine. It may serve one topology after another.
//
// A Feed does not reach other processes: what is sent goes to the tasks in this one.
// With cluster.Worker give the component at least as many tasks as there are workers,
// so that each has one, or send only where there is one.
type Feed[T any] struct {
	requests chan request[T] // unbuffered: what was sent is in a task's hands
	closed   chan struct{}
	close    func()

	mu    sync.Mutex // guards what follows
	tasks int        // that are open
	ended chan struct{}
}

// A request is a value and where its outcome goes.
type request[T any] struct {
	v    T
	done chan error // of capacity 1: nobody may wait for it any more
}

// NewFeed makes an open Feed.
func NewFeed[T any]() *Feed[T] {
	f := &Feed[T]{
		requests: make(chan request[T]),
		closed:   make(chan struct{}),
		ended:    make(chan struct{}),
	}
	f.close = sync.OnceFunc(func() { close(f.closed) })
	return f
}

// Send emits v and blocks until its tree is complete. Nil means acked. A [Failure]
// means that the tree failed, or, with Kind Shutdown, that the Feed was closed or
// its last task here ended; nothing is emitted again, the caller decides. Any other
// error is ctx's, and then v may still be on its way.
//
// Where no task has run yet Send waits for one: the topology may begin, or a task may
// move here. On a worker that never gets one it waits until ctx ends: give it a
// deadline.
func (f *Feed[T]) Send(ctx context.Context, v T) error {
	if err := f.refusal(ctx); err != nil {
		return err
	}
	f.mu.Lock()
	ended := f.ended
	f.mu.Unlock()
	r := request[T]{v, make(chan error, 1)}
	select {
	case f.requests <- r:
	case <-f.closed:
		return shutdown("the feed is closed")
	case <-ended:
		return shutdown("no task of the feed runs here any more")
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// refusal is why nothing can be sent now. Select alone could pick a ready task.
func (f *Feed[T]) refusal(ctx context.Context) error {
	select {
	case <-f.closed:
		return shutdown("the feed is closed")
	default:
		return ctx.Err()
	}
}

func shutdown(text string) error { return Failure{Kind: tuple.Shutdown, Text: text} }

// Close says that nothing more will be sent: the topology ends when all that was
// sent is complete. A Send that no task has taken yet returns an error. Close may be
// called more than once.
func (f *Feed[T]) Close() { f.close() }

// New makes the spout of one task.
func (f *Feed[T]) New() *Feeder[T] {
	return &Feeder[T]{feed: f, open: map[uint64]chan error{}}
}

// enter counts a task that will serve the Feed.
func (f *Feed[T]) enter() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.tasks++; f.tasks == 1 {
		select {
		case <-f.ended: // by a former topology
			f.ended = make(chan struct{})
		default:
		}
	}
}

// leave counts it out; when the last one left, nobody waits any longer.
func (f *Feed[T]) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.tasks--; f.tasks == 0 {
		close(f.ended)
	}
}

// A Feeder is the spout of one task of a [Feed].
type Feeder[T any] struct {
	feed   *Feed[T]
	inside bool // entered and has not left; of the task's goroutine
	next   uint64

	mu   sync.Mutex // guards open
	open map[uint64]chan error
}

// Open has Sends wait for this task from now on.
func (t *Feeder[T]) Open(context.Context, Task) error {
	t.enter()
	return nil
}

func (t *Feeder[T]) enter() {
	if !t.inside {
		t.inside = true
		t.feed.enter()
	}
}

func (t *Feeder[T]) leave() {
	if t.inside {
		t.inside = false
		t.feed.leave()
	}
}

// Run emits what is sent until ctx ends or the Feed is closed.
func (t *Feeder[T]) Run(ctx context.Context, out *Emitter[T]) error {
	t.enter() // for those who run a spout without opening it
	defer t.leave()
	for ctx.Err() == nil {
		select {
		case r := <-t.feed.requests:
			if !t.emit(r, out) {
				return nil
			}
		case <-t.feed.closed:
			return nil
		case <-ctx.Done():
		}
	}
	return nil
}

// emit registers the request before it emits: the outcome may come first.
func (t *Feeder[T]) emit(r request[T], out *Emitter[T]) bool {
	id := t.next
	t.next++
	t.mu.Lock()
	t.open[id] = r.done
	t.mu.Unlock()
	if out.EmitID(r.v, id) {
		return true
	}
	t.settle(id, shutdown("the task has ended"))
	return false
}

// Close has no Send wait for this task any longer.
func (t *Feeder[T]) Close() error {
	t.leave()
	return nil
}

// Ack completes a Send.
func (t *Feeder[T]) Ack(id uint64) { t.settle(id, nil) }

// Fail completes a Send with why.
func (t *Feeder[T]) Fail(id uint64, why Failure) { t.settle(id, why) }

func (t *Feeder[T]) settle(id uint64, err error) {
	t.mu.Lock()
	done, ok := t.open[id]
	delete(t.open, id)
	t.mu.Unlock()
	if ok {
		done <- err
	}
}

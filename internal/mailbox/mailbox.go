// Package mailbox is the bounded queue between tasks: many senders append to
// one buffer, one receiver swaps the whole buffer out. A receiver that is idle
// gets a tuple at once, a busy one finds a large batch: no linger, no wait
// strategy.
//
// The invariant: what was put is taken exactly once, in the order of each
// sender, and a box holds less than its capacity plus one batch per sender.
// Senders call Put and Gather from any goroutine and may block there; one
// goroutine, the owner of the [Park], takes.
//
//	park := mailbox.NewPark()
//	box := mailbox.New[int](1024, park)
//	go box.Put([]int{1, 2, 3})
//	var batch []int
//	for !box.Ready() { park.Wait(box.Ready) }
//	batch = box.Take(batch)
package mailbox

import (
	"sync"
	"sync/atomic"
)

// A Box is one receiver's queue of T.
type Box[T any] struct {
	park     *Park
	capacity int

	mu      sync.Mutex // guards buf, waiting, closed
	space   sync.Cond
	buf     []T
	waiting int
	closed  bool

	queued atomic.Int64 // len(buf), for those who only look
	taken  atomic.Int64 // length of the batch that the receiver works on
	shut   atomic.Bool  // closed, for the receiver
}

// New makes a box of the given capacity, 0 for no bound, that wakes park.
func New[T any](capacity int, park *Park) *Box[T] {
	b := &Box[T]{park: park, capacity: capacity}
	b.space.L = &b.mu
	return b
}

// Put appends ts, which is not kept. It blocks while the box is full, and
// reports false if the box is closed; then nothing was put.
func (b *Box[T]) Put(ts []T) bool {
	b.mu.Lock()
	if !b.waitLocked() {
		b.mu.Unlock()
		return false
	}
	b.buf = append(b.buf, ts...)
	b.publishLocked()
	return true
}

// Gather puts those of ts whose indexes are in order. It blocks as Put does.
func (b *Box[T]) Gather(ts []T, order []int32) bool {
	b.mu.Lock()
	if !b.waitLocked() {
		b.mu.Unlock()
		return false
	}
	for _, i := range order {
		b.buf = append(b.buf, ts[i])
	}
	b.publishLocked()
	return true
}

func (b *Box[T]) waitLocked() bool {
	for b.fullLocked() && !b.closed {
		b.waiting++
		b.space.Wait()
		b.waiting--
	}
	return !b.closed
}

func (b *Box[T]) fullLocked() bool { return b.capacity > 0 && len(b.buf) >= b.capacity }

func (b *Box[T]) publishLocked() {
	b.queued.Store(int64(len(b.buf)))
	b.mu.Unlock()
	b.park.Wake()
}

// Full reports whether Put would block now.
func (b *Box[T]) Full() bool {
	return b.capacity > 0 && int(b.queued.Load()) >= b.capacity && !b.shut.Load()
}

// Ready reports whether Take would return something, or the box is closed.
func (b *Box[T]) Ready() bool { return b.queued.Load() > 0 || b.shut.Load() }

// Take swaps the queued values for spare, the batch taken before, whose values
// it clears so that they pin nothing. It does not block; the result is empty if
// nothing is queued, and the receiver's until its next Take.
func (b *Box[T]) Take(spare []T) []T {
	clear(spare)
	b.mu.Lock()
	batch := b.buf
	b.buf = spare[:0]
	b.taken.Store(int64(len(batch))) // first: what has been put is load until it is done
	b.queued.Store(0)
	wake := b.waiting > 0
	b.mu.Unlock()
	if wake {
		b.space.Broadcast()
	}
	return batch
}

// Queued is how many values wait in the box.
func (b *Box[T]) Queued() int { return int(b.queued.Load()) }

// Load is how many values wait in the box or are in the batch taken last.
func (b *Box[T]) Load() int { return int(b.queued.Load() + b.taken.Load()) }

// Idle says that the batch taken last is done.
func (b *Box[T]) Idle() { b.taken.Store(0) }

// Close refuses further puts and releases blocked ones. What is queued can
// still be taken. It may be called more than once.
func (b *Box[T]) Close() {
	b.mu.Lock()
	b.closed = true
	b.shut.Store(true)
	b.mu.Unlock()
	b.space.Broadcast()
	b.park.Wake()
}

// Closed reports whether the box is closed and empty.
func (b *Box[T]) Closed() bool { return b.shut.Load() && b.queued.Load() == 0 }

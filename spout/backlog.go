package spout

import (
	"container/heap"
	"time"

	"github.com/waterspout/waterspout/internal/pace"
	"github.com/waterspout/waterspout/tuple"
)

// full is how many failed values may wait: then live ones are held back, so that an
// outage downstream does not take all memory.
const full = 4096

// A state is where a value of a backlog is. From open it goes to any other one, from
// waiting back to open, and from every one of them to free.
type state uint8

const (
	free    state = iota
	open          // emitted; an Ack or Fail will follow
	waiting       // for its next attempt
	given         // up: it waits for the dead letter
	ending        // its outcome is being told
)

// An item is a value that is not settled.
type item[T any] struct {
	v        T
	inner    uint64 // the wrapped spout's id
	tracked  bool   // it was emitted with that id
	state    state
	gen      uint32 // of the slot
	attempts int    // that count (rule P4)
	failures int    // of any kind
	why      Failure
}

// A backlog is the state of a [Replayer]: what is open, what waits for its replay,
// what is to be given up. It is pure; the Replayer has the clock, lock and goroutine.
// Items are named by generation and slot, so that a late outcome of a settled one is
// none of its successor.
type backlog[T any] struct {
	retry   Retry
	pace    pace.Pacer
	items   []item[T]
	unused  []uint32 // slots
	due     schedule
	given   []uint64
	live    int  // items that are not free
	ended   bool // the context ended: nothing is emitted any more (rule D1)
	emptied bool // the wrapped spout has nothing more
	starved bool // a replay is due and waits for live emits
}

func (b *backlog[T]) add(v T, inner uint64, tracked bool) uint64 {
	var slot uint32
	if n := len(b.unused); n > 0 {
		slot = b.unused[n-1]
		b.unused = b.unused[:n-1]
	} else {
		slot = uint32(len(b.items))
		b.items = append(b.items, item[T]{})
	}
	it := &b.items[slot]
	*it = item[T]{v: v, inner: inner, tracked: tracked, state: open, gen: it.gen + 1}
	b.live++
	return uint64(it.gen)<<32 | uint64(slot)
}

// get is the item of id if it is in state s, or nil. It is valid until the next add.
func (b *backlog[T]) get(id uint64, s state) *item[T] {
	slot := uint64(uint32(id))
	if slot >= uint64(len(b.items)) {
		return nil
	}
	if it := &b.items[slot]; it.gen == uint32(id>>32) && it.state == s {
		return it
	}
	return nil
}

// drop frees the slot of an item and forgets its value.
func (b *backlog[T]) drop(id uint64) {
	slot := uint32(id)
	b.items[slot] = item[T]{gen: b.items[slot].gen}
	b.unused = append(b.unused, slot)
	b.live--
}

// fail decides about a failed item and reports whether the failure is its outcome.
// Otherwise it now waits for a replay or for the dead letter.
func (b *backlog[T]) fail(it *item[T], id uint64, why Failure, now time.Time, jitter float64) (final bool) {
	it.why = why
	it.failures++
	if why.Kind.Counts() { // rule P4
		it.attempts++
	}
	switch {
	case b.ended || why.Kind == tuple.Shutdown || why.Kind == tuple.Revoked:
		it.state = ending
		return true
	case why.Kind == tuple.Rejected || b.retry.Exhausted(it.attempts):
		it.state = given
		b.given = append(b.given, id)
	default:
		it.state = waiting
		heap.Push(&b.due, turn{now.Add(b.retry.Delay(it.failures, jitter)), id})
	}
	return false
}

// room reports whether a live value may be added.
func (b *backlog[T]) room() bool { return len(b.due)+len(b.given) < full }

// An action is what a Replayer is to do next.
type action uint8

const (
	sleep action = iota // for the time given, or until something changes
	emit
	bury
	stop
)

const forever = time.Duration(1<<63 - 1)

// next is what to do at now, and with which item.
func (b *backlog[T]) next(now time.Time) (do action, id uint64, wait time.Duration) {
	b.starved = false
	switch {
	case len(b.given) > 0:
		id, b.given = b.given[0], b.given[1:]
		b.get(id, given).state = ending
		return bury, id, 0
	case b.ended || b.emptied && b.live == 0:
		return stop, 0, 0
	case len(b.due) == 0:
		return sleep, 0, forever
	}
	if wait = b.due[0].at.Sub(now); wait > 0 {
		return sleep, 0, wait
	}
	if wait = b.pace.Replay(now); wait > 0 { // rule O2
		b.starved = true
		return sleep, 0, wait
	}
	id = heap.Pop(&b.due).(turn).id
	b.get(id, waiting).state = open
	return emit, id, 0
}

// content is the value and the last failure of the item that next named, if any.
func (b *backlog[T]) content(do action, id uint64) (v T, why Failure) {
	if do == emit || do == bury {
		it := &b.items[uint32(id)]
		v, why = it.v, it.why
	}
	return v, why
}

// postpone puts an item back that could not be emitted. It is not due again: the run
// has ended.
func (b *backlog[T]) postpone(id uint64) {
	b.get(id, open).state = waiting
	heap.Push(&b.due, turn{id: id})
}

// abandon takes out one item that waits, for a replay or to be given up. It reports
// false when there is none left.
func (b *backlog[T]) abandon() (id uint64, ok bool) {
	if len(b.given) > 0 {
		id, b.given = b.given[0], b.given[1:]
	} else if len(b.due) > 0 {
		id = heap.Pop(&b.due).(turn).id
	} else {
		return 0, false
	}
	b.items[uint32(id)].state = ending
	return id, true
}

// A turn is when an item is due.
type turn struct {
	at time.Time
	id uint64
}

// A schedule is a heap of turns for container/heap.
type schedule []turn

func (s schedule) Len() int           { return len(s) }
func (s schedule) Less(i, j int) bool { return s[i].at.Before(s[j].at) }
func (s schedule) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }
func (s *schedule) Push(x any)        { *s = append(*s, x.(turn)) }

func (s *schedule) Pop() any {
	last := len(*s) - 1
	x := (*s)[last]
	*s = (*s)[:last]
	return x
}

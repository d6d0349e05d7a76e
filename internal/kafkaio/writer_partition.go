package kafkaio

import (
	"math"
	"time"
)

// An identity is what an idempotent producer is to the broker. Records are
// numbered per identity and partition.
type identity struct {
	producer int64
	epoch    int16
}

// A partition is the queue of one partition: batches in order, of which only
// the first is ever in flight. That, and numbers that are given when a batch is
// first sent and stay with it, is what keeps order and prevents doubles when a
// batch is sent again. Its methods are pure; the Writer's lock guards all but
// pushing.
type partition[T any] struct {
	topic   string
	number  int32
	home    *link[T] // the broker that leads it; nil while looked for
	due     time.Time
	queue   []*batch[T]
	sending bool // queue[0] is in flight
	doubt   bool // the log may have queue[0], under the number that it has (rule W2)
	id      identity
	next    int32 // the sequence of the next batch that was never sent
	spoiled bool  // the broker may have seen a sequence that will not be sent again: needs a new id
	told    error // why home is nil, for the log and for records given up

	pushing bool // is in Writer.pushing; belongs to Write's goroutine
}

// ready reports whether there is a batch to send.
func (p *partition[T]) ready() bool { return len(p.queue) > 0 && !p.sending && p.home != nil }

// take is the batch to send now, numbered.
func (p *partition[T]) take() *batch[T] {
	b := p.queue[0]
	p.sending, b.full = true, true
	if b.sequence < 0 {
		b.sequence = p.next
		p.next = after(p.next, b.count())
	}
	return b
}

// after is the sequence n records on; sequences wrap to 0.
func after(sequence int32, n int) int32 {
	return int32((int64(sequence) + int64(n)) & math.MaxInt32)
}

// pop removes the first batch, which is settled.
func (p *partition[T]) pop() *batch[T] {
	b := p.queue[0]
	p.queue[0] = nil
	p.queue = p.queue[1:]
	p.sending, p.doubt = false, false
	return b
}

// refused takes back the number of the first batch, of which the broker said
// that it did not write it. If it may have done so before, the number is lost: the
// broker would take the next batch for this one, and not write it.
func (p *partition[T]) refused() {
	if p.doubt {
		p.lost()
		return
	}
	b := p.queue[0]
	p.next, b.sequence = b.sequence, -1
	p.sending = false
}

// lost says that the first batch will be sent again, from scratch or not at all,
// while the broker may have its number.
func (p *partition[T]) lost() {
	p.queue[0].sequence = -1
	p.sending, p.doubt = false, false
	p.spoiled = true
}

// adopt goes on under a new identity, from sequence 0.
func (p *partition[T]) adopt(id identity) {
	p.id, p.next, p.spoiled = id, 0, false
}

// halve moves the first batch to two others; order stays. It returns the first.
func (p *partition[T]) halve(one, two *batch[T]) *batch[T] {
	b := p.queue[0]
	b.split(one, two)
	p.queue = append(p.queue, nil)
	copy(p.queue[2:], p.queue[1:])
	p.queue[0], p.queue[1] = one, two
	return b
}

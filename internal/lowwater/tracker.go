package lowwater

import "sort"

// A Tracker is one ownership of one partition. Make it with [New]; another
// ownership, also of the same partition by the same task, is another Tracker
// (rule P3).
type Tracker[R any] struct {
	offset   func(*R) int64
	batches  []batch[R] // oldest first; batches[head:] are held
	head     int
	bytes    int
	position int64 // the offset after everything that was added

	// Numbers: below low all are ended, below taken all were handed out at
	// least once, below high all are held or ended.
	low, taken, high uint64
	ended            bitmap // of [low, high)
	open             int    // handed out and not answered
	givingUp         int

	failed  map[uint64]failure // records that failed and are not ended
	backoff backoff
	stopped bool
}

type batch[R any] struct {
	base    uint64 // number of the first record
	records []R
	bytes   int
}

func (b *batch[R]) end() uint64 { return b.base + uint64(len(b.records)) }

// New is a Tracker that starts at position. offset reads a record's offset; it
// is not called per record.
func New[R any](position int64, offset func(*R) int64) *Tracker[R] {
	return &Tracker[R]{offset: offset, position: position}
}

// Add takes over the records of a fetch, in order of offset, and moves the
// position to next, the offset after everything the fetch passed; it may have
// passed offsets without records. bytes is what the records keep in memory. The
// Tracker keeps the slice until all of its records are ended.
func (t *Tracker[R]) Add(records []R, next int64, bytes int) {
	t.position = max(t.position, next)
	if len(records) == 0 {
		return
	}
	if t.head > 0 && len(t.batches) == cap(t.batches) {
		n := copy(t.batches, t.batches[t.head:])
		clear(t.batches[n:])
		t.batches, t.head = t.batches[:n], 0
	}
	t.batches = append(t.batches, batch[R]{t.high, records, bytes})
	t.bytes += bytes
	t.high += uint64(len(records))
	t.ended.reserve(t.low, t.high)
}

// Take hands out at most n records that were not handed out yet, with the
// number of the first; the others follow it. They are in flight until Ack or
// Fail or [Tracker.Untake]. It returns none when there are none, and after Stop.
func (t *Tracker[R]) Take(n int) (first uint64, records []R) {
	if t.stopped || t.taken == t.high || n <= 0 {
		return t.taken, nil
	}
	b := t.find(t.taken)
	records = b.records[t.taken-b.base:]
	records = records[:min(n, len(records))]
	first = t.taken
	t.taken += uint64(len(records))
	t.open += len(records)
	return first, records
}

// Untake takes back the last n records of the last Take, which were not emitted.
func (t *Tracker[R]) Untake(n int) {
	t.taken -= uint64(n)
	t.open -= n
}

// Ack ends a record in flight. It reports false, and does nothing, if the
// record is not in flight.
func (t *Tracker[R]) Ack(number uint64) bool {
	if !t.inFlight(number) {
		return false
	}
	t.open--
	t.end(number)
	return true
}

func (t *Tracker[R]) inFlight(number uint64) bool {
	if number < t.low || number >= t.taken || t.ended.has(number) {
		return false
	}
	if len(t.failed) == 0 {
		return true
	}
	f, found := t.failed[number]
	return !found || f.state == inFlight
}

// end marks a record as finished and moves the low water.
func (t *Tracker[R]) end(number uint64) {
	if len(t.failed) > 0 {
		delete(t.failed, number)
	}
	t.ended.set(number)
	if number != t.low {
		return
	}
	t.low = t.ended.shift(t.low)
	for t.head < len(t.batches) && t.batches[t.head].end() <= t.low {
		t.bytes -= t.batches[t.head].bytes
		t.batches[t.head] = batch[R]{}
		t.head++
	}
	if t.head == len(t.batches) {
		t.batches, t.head = t.batches[:0], 0
	}
}

// find is the batch of a number in [low, high).
func (t *Tracker[R]) find(number uint64) *batch[R] {
	held := t.batches[t.head:]
	if b := &held[0]; number < b.end() {
		return b
	}
	if b := &held[len(held)-1]; number >= b.base {
		return b
	}
	return &held[sort.Search(len(held), func(i int) bool { return number < held[i].end() })]
}

// Record is a record that is held. It panics for any other number.
func (t *Tracker[R]) Record(number uint64) R {
	b := t.find(number)
	return b.records[number-b.base]
}

// Low is the offset that may be committed (rule P1): all records before it are
// ended.
func (t *Tracker[R]) Low() int64 {
	if t.low == t.high {
		return t.position
	}
	b := &t.batches[t.head]
	return t.offset(&b.records[t.low-b.base])
}

// Position is the offset after everything that was added.
func (t *Tracker[R]) Position() int64 { return t.position }

// Open is how many records are in flight.
func (t *Tracker[R]) Open() int { return t.open }

// Held is how many records are not ended: waiting, in flight, in back-off,
// being given up.
func (t *Tracker[R]) Held() int { return int(t.high-t.low) - t.ended.count(t.low, t.high) }

// Empty reports whether no record is held.
func (t *Tracker[R]) Empty() bool { return t.low == t.high }

// GivingUp is how many records are held after the verdict GiveUp.
func (t *Tracker[R]) GivingUp() int { return t.givingUp }

// Waiting is how many records were not handed out yet.
func (t *Tracker[R]) Waiting() int { return int(t.high - t.taken) }

// Bytes is the memory kept: of all batches that have a record which is not
// ended.
func (t *Tracker[R]) Bytes() int { return t.bytes }

// Stop hands out nothing any more, replays neither (rule D1). Records in flight
// can still be acked; those that fail stay held.
func (t *Tracker[R]) Stop() { t.stopped = true }

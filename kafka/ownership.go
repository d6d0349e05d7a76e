package kafka

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/waterspout/waterspout/internal/kafkaio"
	"github.com/waterspout/waterspout/internal/lowwater"
	"github.com/waterspout/waterspout/spout"
)

const (
	numberBits = 48
	numberMask = 1<<numberBits - 1
)

// An ownership is one assignment of one partition to this task (rule P3). A
// message id is its id and the number that its tracker gave the record. It keeps
// its id until all it emitted is answered, so that a late answer never meets
// another ownership.
type ownership struct {
	id    uint16
	claim *kafkaio.Claim

	// stopped says that nothing of it may be emitted any more. It is set with
	// mu held and read without.
	stopped atomic.Bool
	leaving atomic.Bool   // no new record may be emitted: only what failed is, again
	spent   chan struct{} // closed when leaving and nothing is left to be waited for
	quiet   chan struct{} // closed when stopped and nothing is in flight or being given up

	mu        sync.Mutex // guards what follows; never held while blocking
	tracker   *lowwater.Tracker[kafkaio.Fetched]
	committed int64 // what the broker accepted last
	reset     *kafkaio.Batch
	unset     bool          // the tracker's start is not committed; nothing goes out before
	full      bool          // Run found no room, and waits to be woken
	limit     int           // bytes that Run allowed last
	over      bool          // spent is closed
	closed    bool          // quiet is
	retired   bool          // the last commit was made
	failure   spout.Failure // the last one

	// Of the committer's watch.
	oldest int64     // unfinished offset
	since  time.Time // it is the oldest
	told   bool
}

func newOwnership(id uint16, c *kafkaio.Claim) *ownership {
	return &ownership{
		id: id, claim: c, spent: make(chan struct{}), quiet: make(chan struct{}),
		tracker: newTracker(c.Start), committed: c.Start,
	}
}

func newTracker(start int64) *lowwater.Tracker[kafkaio.Fetched] {
	return lowwater.New(start, func(r *kafkaio.Fetched) int64 { return r.Offset() })
}

func (o *ownership) messageID(number uint64) uint64 { return uint64(o.id)<<numberBits | number }

// take returns records to emit, at most n, with the number of the first. It
// fetches when none are left and limit bytes are not exceeded. They are in
// flight; give back what was not emitted.
func (o *ownership) take(n, limit int) (first uint64, records []kafkaio.Fetched, reset *kafkaio.Batch) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.leaving.Load() {
		return 0, nil, nil
	}
	if o.tracker.Waiting() == 0 {
		o.limit = limit
		reset = o.fetch()
	}
	first, records = o.tracker.Take(n)
	return first, records, reset
}

// fetch takes what the claim has, if there is room. It returns a reset that took
// effect.
func (o *ownership) fetch() *kafkaio.Batch {
	if !o.ready() {
		o.full = true
		return nil
	}
	if o.reset != nil {
		return o.apply()
	}
	for o.tracker.Waiting() == 0 {
		b, ok := o.claim.Take()
		if !ok {
			return nil
		}
		if b.Reset {
			o.reset = &b
			if o.tracker.Empty() {
				return o.apply()
			}
			o.full = true
			return nil
		}
		o.tracker.Add(b.Records, b.Next, b.Bytes)
	}
	return nil
}

// ready reports whether fetch would go on: a task holds at most its share of
// bytes, but always a fetch; a reset waits until all that was read before it is
// finished (rule P1); and a start is committed before anything is emitted.
func (o *ownership) ready() bool {
	switch {
	case o.unset:
		return false
	case o.reset != nil:
		return o.tracker.Empty()
	}
	return o.tracker.Bytes() < o.limit || o.tracker.Empty()
}

// apply starts over at the place that a reset found.
func (o *ownership) apply() *kafkaio.Batch {
	b := o.reset
	o.reset = nil
	o.tracker = newTracker(b.Next)
	o.unset = true
	return b
}

// giveBack returns the last n records of take.
func (o *ownership) giveBack(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tracker.Untake(n)
	o.settle()
}

// leave ends the emitting of new records, and lets what failed come again at
// once.
func (o *ownership) leave(now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.leaving.Store(true)
	o.tracker.Hasten(now)
	o.settle()
}

// stop ends the emitting (rules P3 and D1).
func (o *ownership) stop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.leaving.Store(true)
	o.stopped.Store(true)
	o.tracker.Stop()
	o.settle()
}

// settle tells who waits for it that all is quiet. Call it with mu held after
// something ended.
func (o *ownership) settle() {
	if !o.over && o.leaving.Load() && o.tracker.Open() == 0 && o.tracker.GivingUp() == 0 && o.tracker.InBackoff() == 0 {
		o.over = true
		close(o.spent)
	}
	if !o.closed && o.stopped.Load() && o.tracker.Open() == 0 && o.tracker.GivingUp() == 0 {
		o.closed = true
		close(o.quiet)
	}
}

// ack ends a record. It reports whether Run should look at this ownership again.
func (o *ownership) ack(number uint64) (wake bool) {
	o.mu.Lock()
	o.tracker.Ack(number)
	wake = o.ended()
	o.mu.Unlock()
	return wake
}

// end ends a record that was given up.
func (o *ownership) end(number uint64) (wake bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tracker.End(number)
	return o.ended()
}

// park leaves a given-up record to a successor.
func (o *ownership) park(number uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tracker.Park(number)
	o.settle()
}

func (o *ownership) ended() (wake bool) {
	if o.leaving.Load() {
		o.settle()
		return false
	}
	if o.full && o.ready() {
		o.full = false
		return true
	}
	return false
}

// dirty is what should be committed, if it is not what was.
func (o *ownership) dirty() (offset int64, dirty bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	low := o.tracker.Low()
	return low, !o.retired && (low > o.committed || o.unset)
}

func (o *ownership) retire() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.retired = true
}

// accepted notes that the broker has committed offset. It reports whether Run
// should look at this ownership again.
func (o *ownership) accepted(offset int64) (wake bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.committed = offset
	wake = o.unset && offset == o.tracker.Low() // else it was the commit before the reset
	o.unset, o.full = o.unset && !wake, o.full && !wake
	return wake
}

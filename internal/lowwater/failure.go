package lowwater

import (
	"container/heap"
	"time"

	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/tuple"
)

// A Verdict is what becomes of a record that failed.
type Verdict uint8

// The verdicts of [Tracker.Fail].
const (
	Ignored Verdict = iota // the record was not in flight
	Backoff                // it comes due again
	GiveUp                 // rejected, or out of attempts: held until End or Park
	Parked                 // the Tracker is stopped: held, and never comes due
)

type state uint8

const (
	inFlight state = iota
	inBackoff
	givingUp
	parked
)

// failure is the history of a record that failed at least once.
type failure struct {
	state    state
	failures int // of any kind: they set the back-off
	attempts int // of those that count (rule P4)
}

// Fail takes a record in flight back, because its tree failed. Only a kind that
// counts uses up an attempt (rule P4); every kind backs off, for retry's delay
// with the given jitter in [0, 1).
func (t *Tracker[R]) Fail(number uint64, kind tuple.Kind, retry spout.Retry, now time.Time, jitter float64) Verdict {
	if !t.inFlight(number) {
		return Ignored
	}
	t.open--
	f := t.failed[number]
	f.failures++
	if kind.Counts() || kind == tuple.Rejected {
		f.attempts++
	}
	switch {
	case kind == tuple.Rejected || retry.Exhausted(f.attempts):
		f.state = givingUp
		t.givingUp++
	case t.stopped:
		f.state = parked
	default:
		f.state = inBackoff
		t.backoff.push(number, now.Add(retry.Delay(f.failures, jitter)))
	}
	t.store(number, f)
	return [...]Verdict{inBackoff: Backoff, givingUp: GiveUp, parked: Parked}[f.state]
}

func (t *Tracker[R]) store(number uint64, f failure) {
	if t.failed == nil {
		t.failed = map[uint64]failure{}
	}
	t.failed[number] = f
}

// End ends a record that is being given up: its dead letter was written, or it
// is dropped.
func (t *Tracker[R]) End(number uint64) {
	if f, found := t.failed[number]; found && f.state == givingUp {
		t.givingUp--
		t.end(number)
	}
}

// Park leaves a record that is being given up as it is: held, for a successor to
// read again.
func (t *Tracker[R]) Park(number uint64) {
	if f, found := t.failed[number]; found && f.state == givingUp {
		t.givingUp--
		t.setState(number, parked)
	}
}

// Attempts is how often a record that is held failed with a kind that counts,
// or was rejected.
func (t *Tracker[R]) Attempts(number uint64) int { return t.failed[number].attempts }

// OldestAttempts is Attempts of the lowest record that is held; 0 if none is.
func (t *Tracker[R]) OldestAttempts() int { return t.Attempts(t.low) }

// Due hands out a record whose back-off is over, if there is one. It is in
// flight again.
func (t *Tracker[R]) Due(now time.Time) (number uint64, record R, ok bool) {
	if t.stopped || len(t.backoff) == 0 || t.backoff[0].at.After(now) {
		return 0, record, false
	}
	number = t.backoff.pop()
	t.setState(number, inFlight)
	t.open++
	return number, t.Record(number), true
}

// Undue takes back a record that Due handed out and that was not emitted. It is
// due at once.
func (t *Tracker[R]) Undue(number uint64, now time.Time) {
	t.open--
	t.setState(number, inBackoff)
	t.backoff.push(number, now)
}

func (t *Tracker[R]) setState(number uint64, s state) {
	f := t.failed[number]
	f.state = s
	t.failed[number] = f
}

// NextDue is when the next record comes due; ok is false if none will.
func (t *Tracker[R]) NextDue() (at time.Time, ok bool) {
	if t.stopped || len(t.backoff) == 0 {
		return at, false
	}
	return t.backoff[0].at, true
}

// Hasten makes every record in back-off due at now.
func (t *Tracker[R]) Hasten(now time.Time) {
	for i := range t.backoff {
		t.backoff[i].at = now
	}
	heap.Init(&t.backoff)
}

// InBackoff is how many records wait for their next attempt.
func (t *Tracker[R]) InBackoff() int { return len(t.backoff) }

// backoff is a heap of the records that wait, the soonest first.
type backoff []waiting

type waiting struct {
	at     time.Time
	number uint64
}

func (b *backoff) push(number uint64, at time.Time) { heap.Push(b, waiting{at, number}) }
func (b *backoff) pop() uint64                      { return heap.Pop(b).(waiting).number }

func (b backoff) Len() int { return len(b) }
func (b backoff) Less(i, j int) bool {
	if !b[i].at.Equal(b[j].at) {
		return b[i].at.Before(b[j].at)
	}
	return b[i].number < b[j].number
}
func (b backoff) Swap(i, j int) { b[i], b[j] = b[j], b[i] }
func (b *backoff) Push(x any)   { *b = append(*b, x.(waiting)) }
func (b *backoff) Pop() any {
	last := (*b)[len(*b)-1]
	*b = (*b)[:len(*b)-1]
	return last
}

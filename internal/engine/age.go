package engine

// An age bounds how long a task has had the inputs that it executes. What a round of
// the inboxes finds came after the round before began, or after the task woke up. Its
// times are in nanoseconds; no clock is read for it.
type age struct {
	round  bool  // this round's beginning is known
	rested bool  // the task slept before this round
	began  int64 // this round
	since  int64 // no input is older
}

// begin says that a batch of the round begins.
func (a *age) begin(now int64) {
	if a.round {
		return
	}
	a.since, a.began = a.began, now
	if a.rested || a.since == 0 {
		a.since = now
	}
	a.round, a.rested = true, false
}

// of is the most that an input may have waited here.
func (a *age) of(now int64) int64 { return now - a.since }

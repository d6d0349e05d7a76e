package assign

import "time"

// An Echo is a worker's judgement of its own watch, by which its renewals must come
// back. Only time in which renewals succeed one after the other counts: after a gap longer
// than Doubt, when the store or the worker itself was away, the silence begins anew. The
// zero value is a watch that was just opened and is not deaf.
type Echo struct {
	counter uint64        // of the last renewal
	sent    time.Time     // when that was sent; zero: there was none
	heard   uint64        // the highest counter that came back, or could not any more
	silent  time.Duration // for how long none has
	wait    time.Duration // how long that may last; zero: a TTL
	deaf    bool
}

// Renewed says that a renewal succeeded which was sent at that time.
func (e *Echo) Renewed(counter uint64, sent time.Time) {
	if gap := sent.Sub(e.sent); gap > Doubt {
		e.silent = 0
	} else {
		e.silent += gap
	}
	e.counter, e.sent = counter, sent
	e.deaf = e.deaf || e.silent > TTL
}

// Heard says that the watch told of the own lease with that counter. What it told
// before, or what was written before it was opened, is no sign that it goes on.
func (e *Echo) Heard(counter uint64) {
	if counter > e.heard {
		e.heard, e.silent, e.wait, e.deaf = counter, 0, 0, false
	}
}

// Deaf reports whether renewals have succeeded for more than a TTL and none came back,
// and none has since.
func (e *Echo) Deaf() bool { return e.deaf }

// Due reports whether the watch should be opened anew.
func (e *Echo) Due() bool { return e.silent > max(e.wait, TTL) }

// Opened says that the watch was opened anew, or that this failed. It has twice the time
// of the former one: it may be slow to begin.
func (e *Echo) Opened() {
	e.wait = min(2*max(e.wait, TTL), time.Minute)
	e.heard, e.silent = e.counter, 0
}

package assign

import "time"

// A State is what a worker may think of its own lease.
type State uint8

// The states.
const (
	Held     State = iota
	Doubtful       // not renewed for Doubt: spouts are suspended, unless all peers doubt theirs, too
	Lost           // not renewed for TTL: the others may have shared out the tasks
)

// A Hold is a worker's judgement of its own lease, by its own clock. It is stricter
// than that of the others: it counts from the moment before the renewal was sent.
// The zero value is a lease that was never taken, and lost.
type Hold struct{ renewed time.Time }

// Renewed says that a renewal succeeded which was sent at that time.
func (h *Hold) Renewed(sent time.Time) { h.renewed = sent }

// Doubt is when the worker will doubt it, unless it is renewed before.
func (h *Hold) Doubt() time.Time { return h.renewed.Add(Doubt) }

// State is what the worker may think now.
func (h *Hold) State(now time.Time) State {
	switch age := now.Sub(h.renewed); {
	case h.renewed.IsZero() || age >= TTL:
		return Lost
	case age >= Doubt:
		return Doubtful
	}
	return Held
}

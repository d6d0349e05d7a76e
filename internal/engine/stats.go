package engine

import (
	"fmt"

	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/tuple"
)

// A Task is what one task counted so far.
type Task struct {
	Task                              tuple.Task
	Spout                             bool
	Live                              bool // of a Site: it runs, and is not the sum of those that ended
	Emitted, Executed, Acked, Dropped uint64
	FailedBy                          [tuple.Kinds]uint64
	Replayed, Unsent                  uint64
	Abroad                            uint64 // of a Site: of all tasks of the component, and 0 of those that are Live
	Pending, Held, Queued, Window     int
	Oldest                            int64 // age of the oldest open tree, in nanoseconds
	Busy                              int64 // nanoseconds spent executing
	Execute, Complete                 *Latencies
	Detail                            map[string]string
}

// add adds what other counted, but not what it has in its hands.
func (t *Task) add(other *Task) {
	t.Emitted += other.Emitted
	t.Executed += other.Executed
	t.Acked += other.Acked
	t.Dropped += other.Dropped
	t.Replayed += other.Replayed
	t.Unsent += other.Unsent
	for k, n := range other.FailedBy {
		t.FailedBy[k] += n
	}
	for _, l := range []struct{ to, from **Latencies }{{&t.Execute, &other.Execute}, {&t.Complete, &other.Complete}} {
		if *l.from == nil {
			continue
		}
		if *l.to == nil {
			*l.to = newLatencies()
		}
		(*l.to).Merge(*l.from)
	}
}

// detail adds what the user's object reports of itself. A report that panics
// costs the report.
func (t *Task) detail(object any) {
	defer func() {
		if p := recover(); p != nil {
			t.Detail = map[string]string{"detail": fmt.Sprintf("panicked: %v", p)}
		}
	}()
	if r, ok := object.(spout.Reporter); ok {
		t.Detail = r.Detail()
	}
	if r, ok := object.(spout.Repeater); ok {
		t.Replayed = r.Replayed()
	}
}

func (c *boltCore) stats() *Task {
	s := &Task{
		Task: c.info, Emitted: c.emitted.Load(), Executed: c.executed.Load(), Acked: c.acked.Load(),
		Dropped: c.dropped.Load(), Unsent: c.unsent.Load(), Busy: c.busy.Load(), Held: c.holds.count(),
	}
	for k := range s.FailedBy {
		s.FailedBy[k] = c.failed[k].Load()
	}
	return s
}

// Tasks is a snapshot of all tasks' counts, in the order of declaration.
func (r *Run) Tasks() (all []*Task) {
	for _, t := range r.tasks() {
		s := t.stats()
		s.Live = true
		all = append(all, s)
	}
	return all
}

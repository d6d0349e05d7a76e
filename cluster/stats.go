package cluster

import (
	"time"

	"github.com/waterspout/waterspout/internal/engine"
	"github.com/waterspout/waterspout/tuple"
)

// Stats are what a topology did so far. Counts are exact, and published by each
// task once a batch.
type Stats struct {
	Topology, Fingerprint string
	Uptime                time.Duration
	Workers               []string
	Components            []Component // in the order of declaration
	Counters              map[string]int64
}

// A Component is what the tasks of one component did, together.
type Component struct {
	Name  string
	Spout bool
	Tasks int

	// Emitted counts values emitted, whatever number of tasks got them.
	// Executed counts inputs of a bolt. Acked and Failed count inputs of a
	// bolt, trees of a spout. Dropped counts inputs acked with bolt.Drop,
	// and values of side streams that nobody reads. Replayed counts records
	// that a spout emitted again. Unsent counts emits that went nowhere: on
	// an input that had ended (T1), or with no task to go to (E3).
	Emitted, Executed, Acked, Failed, Replayed, Dropped, Unsent uint64
	FailedBy                                                    map[tuple.Kind]uint64 // those that are not zero

	Pending  int     // open trees of a spout
	Window   int     // how many may be open now (rule O1)
	Held     int     // inputs that a bolt holds
	Queued   int     // inputs that wait
	Capacity float64 // share of the time that the busiest task was executing

	Execute  Latency       // of a bolt: one Execute, sampled once a batch
	Complete Latency       // of a spout: from emit to the end of the tree, acked trees only
	Oldest   time.Duration // age of the oldest open tree

	Detail map[string]string // what the component tells of itself: partitions, lag, last error
}

// A Latency is a distribution of durations, each figure exact to 3 %.
type Latency struct{ P50, P90, P99, P999, Max time.Duration }

// Stats is a snapshot. It takes no lock that a task would wait for long.
func (r *Running) Stats() Stats {
	s := Stats{
		Topology: r.topology.Name(), Fingerprint: r.topology.Fingerprint(), Uptime: r.run.Uptime(),
		Workers: []string{"local"}, Counters: r.run.Counters(),
	}
	tasks := r.run.Tasks()
	for len(tasks) > 0 {
		n := 1
		for n < len(tasks) && tasks[n].Task.Component == tasks[0].Task.Component {
			n++
		}
		s.Components = append(s.Components, component(tasks[:n], r.run.Uptime()))
		tasks = tasks[n:]
	}
	return s
}

// component adds up tasks of one component.
func component(tasks []*engine.Task, uptime time.Duration) Component {
	c := Component{Name: tasks[0].Task.Component, Spout: tasks[0].Spout, Tasks: len(tasks), FailedBy: map[tuple.Kind]uint64{}}
	var execute, complete engine.Latencies
	for _, t := range tasks {
		c.Emitted += t.Emitted
		c.Executed += t.Executed
		c.Acked += t.Acked
		c.Dropped += t.Dropped
		c.Replayed += t.Replayed
		c.Unsent += t.Unsent
		for k, n := range t.FailedBy {
			if c.Failed += n; n > 0 {
				c.FailedBy[tuple.Kind(k)] += n
			}
		}
		c.Pending += t.Pending
		c.Window += t.Window
		c.Held += t.Held
		c.Queued += t.Queued
		c.Capacity = max(c.Capacity, float64(t.Busy)/float64(max(uptime, 1)))
		c.Oldest = max(c.Oldest, time.Duration(t.Oldest))
		execute.Merge(t.Execute)
		complete.Merge(t.Complete)
	}
	c.Execute, c.Complete = latency(&execute), latency(&complete)
	c.Detail = detail(tasks)
	return c
}

// detail joins what tasks report under equal keys.
func detail(tasks []*engine.Task) map[string]string {
	var all map[string]string
	for _, t := range tasks {
		for k, v := range t.Detail {
			if all == nil {
				all = map[string]string{}
			}
			if all[k] != "" {
				v = all[k] + ", " + v
			}
			all[k] = v
		}
	}
	return all
}

func latency(l *engine.Latencies) Latency {
	return Latency{l.Quantile(.5), l.Quantile(.9), l.Quantile(.99), l.Quantile(.999), l.Max()}
}

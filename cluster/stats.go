package cluster

import (
	"time"

	"github.com/waterspout/waterspout/tuple"
)

// Stats are what a topology did so far. Counts are exact, and published by each
// task once a batch.
type Stats struct {
	Topology, Fingerprint string
	Uptime                time.Duration // of the worker that has run longest
	Workers               []string      // that run it; "local" in one process
	Components            []Component   // in the order of declaration

	// Counters are those that tasks made, by name. The engine adds, when it is
	// not 0: "ticks failed" and "drained calls failed", the calls of a bolt's Tick and
	// Drained that returned an error or panicked; the log names the task. Workers
	// add, when it is not 0: "frames dropped", which arrived and were thrown away since
	// the worker was slow; "connection attempts failed", when the net was not reached or
	// did not let the worker in; and "frames rejected", with the reason.
	// Somebody else is on the net if that is foreign, length or malformed;
	// checksum is a damaged frame, nonce one from before the store was wiped.
	// The reasons peer, epoch and old come with workers that join, leave and
	// reconnect.
	Counters map[string]int64
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
	// an input that had ended (T1), or with no task to go to (E3). Abroad counts
	// tuples that were sent to tasks on other workers.
	Emitted, Executed, Acked, Failed, Replayed, Dropped, Unsent, Abroad uint64
	FailedBy                                                            map[tuple.Kind]uint64 // those that are not zero

	Pending  int     // emits of a spout that it was not told the outcome of
	Window   int     // how many may be open now (rule O1)
	Held     int     // inputs that a bolt holds
	Queued   int     // inputs that wait
	Capacity float64 // share of the uptime that the busiest task was executing

	Execute  Latency       // of a bolt: one Execute, sampled once a batch
	Complete Latency       // of a spout: from emit to the end of the tree, acked trees only
	Oldest   time.Duration // age of the oldest open tree

	// Detail is what the component tells of itself: partitions, lag, last error. What
	// its tasks tell under one key stands in a row; whole numbers are added.
	Detail map[string]string
}

// A Latency is a distribution of durations, each figure exact to 3 %.
type Latency struct{ P50, P90, P99, P999, Max time.Duration }

// Stats is a snapshot. It takes no lock that a task would wait for long. Of a
// Worker it is what this process did since it last joined; [ReadStats] is for the
// whole cluster.
func (r *Running) Stats() Stats {
	one := r.snapshot()
	return merge([]report{one}, func(string) bool { return true })
}

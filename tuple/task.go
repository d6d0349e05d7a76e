package tuple

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
)

// A Task is one running instance of a component, as it is told to Open.
type Task struct {
	Topology, Component string
	Index, Count        int          // this task's number, from 0, among Count of its component
	Cluster             string       // names the workers that run the topology together, the same on all; empty in one process
	Log                 *slog.Logger // carries topology, component and task; never nil in a running topology

	counters *Counters
}

// String is component/index.
func (t Task) String() string { return fmt.Sprintf("%s/%d", t.Component, t.Index) }

// WithCounters is t with its counters registered in c. It is for the engine and
// for test kits.
func (t Task) WithCounters(c *Counters) Task {
	t.counters = c
	return t
}

// Counter makes a named counter of this task. Equal names are summed over tasks
// and workers and shown in Stats. Call it in Open and keep the result: a call
// allocates. A task outside a topology gets a counter that nobody shows.
func (t Task) Counter(name string) *Counter {
	c := new(Counter)
	if t.counters != nil {
		t.counters.add(name, c)
	}
	return c
}

// A Counter counts events of one task. Its methods may be called from any
// goroutine; it is cheapest from one. The zero Counter is ready for use.
type Counter struct {
	n atomic.Int64
	_ [7]int64 // a cache line of its own: counters of several tasks are made side by side
}

// Add adds n, which may be negative.
func (c *Counter) Add(n int64) { c.n.Add(n) }

// Load is the count so far.
func (c *Counter) Load() int64 { return c.n.Load() }

// Counters are the named counters of a run. The zero Counters is ready for use,
// by any goroutine.
type Counters struct {
	mu     sync.Mutex // guards byName
	byName map[string][]*Counter
}

func (cs *Counters) add(name string, c *Counter) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.byName == nil {
		cs.byName = map[string][]*Counter{}
	}
	cs.byName[name] = append(cs.byName[name], c)
}

// Sums are the counters by name, each summed over the tasks that made it. The
// map is the caller's.
func (cs *Counters) Sums() map[string]int64 {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	sums := make(map[string]int64, len(cs.byName))
	for name, counters := range cs.byName {
		for _, c := range counters {
			sums[name] += c.Load()
		}
	}
	return sums
}

package cluster

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/waterspout/waterspout/internal/engine"
	"github.com/waterspout/waterspout/tuple"
)

// A report is what one worker counted. It is what workers store for each other.
type report struct {
	Worker      string           `json:"worker"`
	Topology    string           `json:"topology"`
	Fingerprint string           `json:"fingerprint"`
	Uptime      time.Duration    `json:"uptime"`
	Parts       []part           `json:"components"`
	Counters    map[string]int64 `json:"counters,omitempty"`
}

// A part is what the tasks of one component on one worker counted: a Component, but
// for what cannot be added up.
type part struct {
	Component
	// FailedBy has numbers for kinds, as reports of all versions have: Component's
	// own, which it hides, has names.
	FailedBy map[uint8]uint64
	Took     engine.Latencies `json:"took"`
	Trees    engine.Latencies `json:"trees"`
}

func newReport(worker, topology, fingerprint string, uptime time.Duration, tasks []*engine.Task, counters map[string]int64) report {
	r := report{Worker: worker, Topology: topology, Fingerprint: fingerprint, Uptime: uptime, Counters: counters}
	for len(tasks) > 0 {
		n := 1
		for n < len(tasks) && tasks[n].Task.Component == tasks[0].Task.Component {
			n++
		}
		r.Parts = append(r.Parts, newPart(tasks[:n], uptime))
		tasks = tasks[n:]
	}
	return r
}

// newPart adds up tasks of one component.
func newPart(tasks []*engine.Task, uptime time.Duration) part {
	var p part
	p.Name, p.Spout, p.Tasks = tasks[0].Task.Component, tasks[0].Spout, tasks[0].Task.Count
	p.FailedBy = map[uint8]uint64{}
	for _, t := range tasks {
		p.Emitted += t.Emitted
		p.Executed += t.Executed
		p.Acked += t.Acked
		p.Dropped += t.Dropped
		p.Replayed += t.Replayed
		p.Unsent += t.Unsent
		p.Abroad += t.Abroad
		for k, n := range t.FailedBy {
			if p.Failed += n; n > 0 {
				p.FailedBy[uint8(k)] += n
			}
		}
		p.Pending += t.Pending
		p.Window += t.Window
		p.Held += t.Held
		p.Queued += t.Queued
		p.Capacity = max(p.Capacity, float64(t.Busy)/float64(max(uptime, 1)))
		p.Oldest = max(p.Oldest, time.Duration(t.Oldest))
		p.Took.Merge(t.Execute)
		p.Trees.Merge(t.Complete)
	}
	p.Detail = detail(tasks)
	return p
}

// detail joins what tasks report under equal keys.
func detail(tasks []*engine.Task) map[string]string {
	var all map[string]string
	for _, t := range tasks {
		all = join(all, t.Detail)
	}
	return all
}

func join(all, more map[string]string) map[string]string {
	for _, k := range slices.Sorted(maps.Keys(more)) {
		if all == nil {
			all = map[string]string{}
		}
		all[k] = joined(all[k], more[k])
	}
	return all
}

// joined is the sum of two whole numbers, and a list of all else.
func joined(a, b string) string {
	m, err1 := strconv.ParseInt(a, 10, 64)
	n, err2 := strconv.ParseInt(b, 10, 64)
	switch {
	case a == "":
		return b
	case err1 == nil && err2 == nil:
		return strconv.FormatInt(m+n, 10)
	}
	return a + ", " + b
}

func (r report) encode() []byte {
	b, err := json.Marshal(r)
	if err != nil {
		panic(err) // numbers and strings
	}
	return b
}

func decodeReport(b []byte) (r report, err error) {
	err = json.Unmarshal(b, &r)
	return r, err
}

// merge adds up the reports of one cluster. What tasks have in their hands counts
// only where the worker is alive.
func merge(reports []report, alive func(worker string) bool) Stats {
	s := Stats{Counters: map[string]int64{}}
	var sums []part
	for _, r := range reports {
		s.Topology, s.Fingerprint, s.Uptime = r.Topology, r.Fingerprint, max(s.Uptime, r.Uptime)
		lives := alive(r.Worker)
		if lives {
			s.Workers = append(s.Workers, r.Worker)
		}
		for name, n := range r.Counters {
			s.Counters[name] += n
		}
		for i := range r.Parts {
			if i >= len(sums) {
				sums = append(sums, part{Component: Component{Name: r.Parts[i].Name, Spout: r.Parts[i].Spout, Tasks: r.Parts[i].Tasks, FailedBy: map[tuple.Kind]uint64{}}})
			}
			sums[i].add(&r.Parts[i], lives)
		}
	}
	for i := range sums {
		c := sums[i].Component
		c.Execute, c.Complete = latency(&sums[i].Took), latency(&sums[i].Trees)
		s.Components = append(s.Components, c)
	}
	return s
}

func (p *part) add(o *part, alive bool) {
	p.Emitted += o.Emitted
	p.Executed += o.Executed
	p.Acked += o.Acked
	p.Failed += o.Failed
	p.Dropped += o.Dropped
	p.Replayed += o.Replayed
	p.Unsent += o.Unsent
	p.Abroad += o.Abroad
	for k, n := range o.FailedBy {
		p.Component.FailedBy[tuple.Kind(k)] += n
	}
	p.Took.Merge(&o.Took)
	p.Trees.Merge(&o.Trees)
	if !alive {
		return
	}
	p.Pending += o.Pending
	p.Window += o.Window
	p.Held += o.Held
	p.Queued += o.Queued
	p.Capacity = max(p.Capacity, o.Capacity)
	p.Oldest = max(p.Oldest, o.Oldest)
	p.Detail = join(p.Detail, o.Detail)
}

func latency(l *engine.Latencies) Latency {
	return Latency{l.Quantile(.5), l.Quantile(.9), l.Quantile(.99), l.Quantile(.999), l.Max()}
}

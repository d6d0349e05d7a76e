package models

import (
	"fmt"
	"math"
	"slices"

	"github.com/waterspout/waterspout/benchmarks/internal/reference"
)

// A Run is one run of one engine, as the results keep it.
type Run struct {
	Experiment string
	Engine     string
	At         float64 `json:",omitempty"` // what the experiment varies: records/s, tasks, bytes, seconds of a batch, ...
	Round      int     // of the repeats, from 0
	Try        int     // of the round, from 0

	// Void are the reasons why this run counts for nothing; none if it counts.
	Void []string `json:",omitempty"`

	Rate     int     `json:",omitempty"` // records a second that were offered; 0 for a backlog
	Seconds  float64 // of load, or that the drain took
	Records  int     // of the load or backlog
	Size     int     `json:",omitempty"` // bytes of a record; that of a tweet if zero
	Scale    Scale   `json:",omitzero"`
	Lost     int     // never arrived
	Doubled  int     // arrived again
	Start    float64 // seconds from the start of the process until it had passed on what primes it, or its first record
	Counted  int     // records that the CPU time was for
	CPU      CPU
	Peak     int64   // most memory that the engine ever had, in bytes
	Attempts int     `json:",omitempty"` // records decoded for the load, or 0 if not known
	Late     float64 `json:",omitempty"` // ms by which the generator was late, at p99

	// Sustained is whether a probe was; see [Sustained].
	Sustained bool `json:",omitempty"`

	Load  *reference.Reading `json:",omitempty"` // what arrived of a load
	Fault *Fault             `json:",omitempty"` // what a kill did
}

// OK reports whether the run counts.
func (r Run) OK() bool { return len(r.Void) == 0 }

// PerSecond is the rate at which records were done: of a backlog, while the CPU
// time was counted.
func (r Run) PerSecond() float64 { return float64(r.Counted) / r.CPU.Seconds }

// PerMillion is CPU seconds, of one process, per million records.
func (r Run) PerMillion(cpu float64) float64 { return cpu / float64(r.Counted) * 1e6 }

// ReplaysPerPoisoned is how many records were decoded again for each that was
// poisoned; NaN if that is not known.
func (r Run) ReplaysPerPoisoned() float64 {
	if r.Attempts == 0 || r.Scale.Poison == 0 {
		return math.NaN()
	}
	poisoned := reference.Poisoned(uint64(r.Records), r.Scale.Poison)
	return float64(r.Attempts-r.Records) / float64(poisoned)
}

// Rules say when a run is void.
type Rules struct {
	// Late is by how many milliseconds the generator may be late at p99, and Share
	// the part of the measured p99 latency that it may be late by: later than both
	// is void. A lateness counts against the engine, never for it.
	Late, Share float64
	Foreign     float64 // share of the machine's CPU time that other processes may use
	Stolen      float64 // the same that the host of a virtual machine may give to others under a load: nothing delays more
	Slowed      float64 // and while a backlog is drained, which has only its rate to lose
}

// Strict are the rules of every run that figures come from.
var Strict = Rules{Late: 10, Share: .1, Foreign: .1, Stolen: .05, Slowed: .1}

// Lenient are those of a smoke run, whose figures mean nothing.
var Lenient = Rules{Late: math.MaxFloat64, Share: 1, Foreign: 1, Stolen: 1, Slowed: 1}

// stolen is what a host may take away from an experiment.
func (rules Rules) stolen(experiment string) float64 {
	if slices.Contains(backlogs, experiment) {
		return rules.Slowed
	}
	return rules.Stolen
}

// Judge returns the reasons to void a run. An engine that may lose records by its
// nature may do so when it is killed. A probe for what is too much may find the
// generator late, since too much is what delays it.
func (rules Rules) Judge(r Run, lossy bool) (reasons []string) {
	if r.CPU.Foreign > rules.Foreign {
		reasons = append(reasons, fmt.Sprintf("other processes used %.0f %% of the machine", 100*r.CPU.Foreign))
	}
	if r.CPU.Stolen > rules.stolen(r.Experiment) {
		reasons = append(reasons, fmt.Sprintf("the host used %.0f %% of the machine", 100*r.CPU.Stolen))
	}
	if r.Load != nil && r.Experiment != sustainable && r.Late > rules.Late && r.Late > rules.Share*r.Load.P99 {
		reasons = append(reasons, fmt.Sprintf("the generator was late by %.1f ms", r.Late))
	}
	if r.Lost > 0 && !(lossy && r.Fault != nil) {
		reasons = append(reasons, fmt.Sprintf("%d records were lost", r.Lost))
	}
	return reasons
}

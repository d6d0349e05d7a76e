package models

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/waterspout/waterspout/benchmarks/internal/harness"
)

// Results are everything that was measured, with all single runs, void ones too.
// They are plain data, and JSON.
type Results struct {
	Name      string // of the benchmark: models, peers
	Plan      Plan
	Command   string
	Commit    string
	Machine   Machine
	Kafka     string
	Started   time.Time
	Seconds   float64   // that it all took
	Partial   bool      `json:",omitempty"` // an error or a signal ended it early
	Reference string    // the engine that the others stand beside
	Paired    []string  // the engines that are compared first
	Half      int       // records a second: the half load
	Programs  []Program `json:",omitempty"`
	Sustained []Sustain
	Runs      []Run
}

// A Sustain is what one search for the sustainable rate found.
type Sustain struct {
	Engine      string
	Round       int
	Rate, Above float64 // records a second that were sustained, and the lowest that were not
	Void        bool
}

// Of are the runs of an experiment that count, of an engine, at a value of what the
// experiment varies.
func (rs Results) Of(experiment, engine string, at float64) (out []Run) {
	for _, r := range rs.Runs {
		if r.Experiment == experiment && r.Engine == engine && r.At == at && r.OK() {
			out = append(out, r)
		}
	}
	return out
}

// all are a figure of those runs, but for those that do not have it (NaN).
func (rs Results) all(experiment, engine string, at float64, of func(Run) float64) (xs []float64) {
	for _, r := range rs.Of(experiment, engine, at) {
		if x := of(r); !math.IsNaN(x) {
			xs = append(xs, x)
		}
	}
	return xs
}

// figure is its spread.
func (rs Results) figure(experiment, engine string, at float64, of func(Run) float64) harness.Spread {
	return harness.SpreadOf(rs.all(experiment, engine, at, of))
}

// sustained is the spread of an engine's sustainable rate.
func (rs Results) sustained(engine string) harness.Spread {
	var xs []float64
	for _, s := range rs.Sustained {
		if s.Engine == engine && !s.Void && s.Rate > 0 {
			xs = append(xs, s.Rate)
		}
	}
	return harness.SpreadOf(xs)
}

// engines are those of an experiment, and values what it varied, both in the order
// in which they were first run.
func (rs Results) engines(experiment string) []string {
	return distinct(rs.Runs, experiment, func(r Run) string { return r.Engine })
}

func (rs Results) values(experiment, engine string) []float64 {
	var of []Run
	for _, r := range rs.Runs {
		if r.Engine == engine {
			of = append(of, r)
		}
	}
	ats := distinct(of, experiment, func(r Run) float64 { return r.At })
	slices.Sort(ats)
	return ats
}

func distinct[T comparable](runs []Run, experiment string, of func(Run) T) (out []T) {
	for _, r := range runs {
		if x := of(r); r.Experiment == experiment && !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

// Voids counts the runs that do not count.
func (rs Results) Voids() (n int) {
	for _, r := range rs.Runs {
		if !r.OK() {
			n++
		}
	}
	return n
}

// leastOfLoop is the share of the hand-written loop's drain that micro-batch's
// direct mode must reach to be a fair opponent.
const leastOfLoop = .9

// Fair is an error if the micro-batch engine that stands for its model drains a
// backlog slower than it must, or if no run of either counts. It is nil where no
// backlog was to be drained.
func (rs Results) Fair(direct, loop string) error {
	if !rs.Plan.has(drain) {
		return nil
	}
	d, l := rs.figure(drain, direct, 0, Run.PerSecond).Median, rs.figure(drain, loop, 0, Run.PerSecond).Median
	if d == 0 || l == 0 {
		return fmt.Errorf("models: no drain of %s or of the %s counts, so nothing says whether it is a fair opponent; leave the machine alone and try again", direct, loop)
	}
	if share := d / l; share < leastOfLoop {
		return fmt.Errorf("models: %s drains %.2f of what the %s does, less than %.1f: no fair opponent", direct, share, loop, leastOfLoop)
	}
	return nil
}

// Stem is the name of the results' files, without ending.
func (rs Results) Stem() string {
	stem := rs.Started.Format("2006-01-02") + "-" + rs.Name
	if rs.Plan.Name != Headline.Name {
		stem += "-" + rs.Plan.Name
	}
	if rs.Partial { // must not take the place of whole ones
		stem += "-partial"
	}
	return stem
}

// Write writes the results as JSON into dir, which is made if need be, and returns
// the stem of the file's name.
func (rs Results) Write(dir string) (stem string, err error) {
	raw, err := json.MarshalIndent(rs, "", "\t")
	if err != nil {
		return "", fmt.Errorf("models: %w", err)
	}
	stem = rs.Stem()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	return stem, os.WriteFile(filepath.Join(dir, stem+".json"), append(raw, '\n'), 0o644)
}

// Read reads results that were written.
func Read(path string) (Results, error) {
	var rs Results
	raw, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(raw, &rs)
	}
	if err != nil {
		return rs, fmt.Errorf("models: results in %s: %w", path, err)
	}
	return rs, nil
}

// String is a line of progress.
func (r Run) String() string {
	s := fmt.Sprintf("%-11s %-26s", r.Experiment, r.Engine)
	if r.At != 0 {
		s += fmt.Sprintf(" %g", r.At)
	}
	switch {
	case !r.OK():
		return s + "  void: " + strings.Join(r.Void, "; ")
	case r.Fault != nil:
		s += fmt.Sprintf("  silent %.2f s, lost %d, doubled %d, caught up after %.1f s", r.Fault.Silence, r.Lost, r.Doubled, r.Fault.CatchUp)
	case r.Load != nil:
		s += fmt.Sprintf("  %d/s  p50 %.2f  p99 %.2f  p99.9 %.2f ms", r.Rate, r.Load.P50, r.Load.P99, r.Load.P999)
	default:
		s += fmt.Sprintf("  %.0f/s", r.PerSecond())
	}
	if r.Experiment == sustainable {
		s += map[bool]string{true: "  sustained", false: "  not sustained"}[r.Sustained]
	}
	return s + fmt.Sprintf("  %.2f CPU s/M  generator late %.1f ms  others %.0f %%  stolen %.0f %%", r.PerMillion(r.CPU.Engine), r.Late, 100*r.CPU.Foreign, 100*r.CPU.Stolen)
}

// Only is the plan with some of all experiments.
func (p Plan) Only(names []string) (Plan, error) {
	for _, n := range names {
		if !slices.Contains(Experiments, n) {
			return p, fmt.Errorf("models: no experiment %q; there are %s", n, strings.Join(Experiments, ", "))
		}
	}
	p.Experiments, p.Name = names, p.Name+"-"+strings.Join(names, "-")
	return p, nil
}

package models

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/waterspout/waterspout/benchmarks/internal/reference"
)

// A load that an engine of a capacity cannot bear is told from one that it can,
// also with the saw teeth of a batch.
func TestSustained(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.IntRange(1000, 1_000_000).Draw(t, "rate")
		capacity := rapid.Float64Range(.5, 2).Filter(func(x float64) bool { return x < .93 || x >= 1 }).Draw(t, "capacity")
		tooth := rapid.Float64Range(0, 1).Draw(t, "tooth")
		var lags, p50s []float64
		for s := range 6 {
			behind := max(0, 1-capacity) * float64(s+1)
			saw := tooth * float64(s%2) * .01
			lags = append(lags, (behind+saw)*float64(rate))
			p50s = append(p50s, 1000*(behind+saw)+500*tooth)
		}
		if got, want := Sustained(rate, lags, p50s), capacity >= 1; got != want {
			t.Errorf("%v at a capacity of %.2f: lags %v, p50 %v", got, capacity, lags, p50s)
		}
	})
	if Sustained(1000, []float64{1, 1}, []float64{1, 1}) {
		t.Error("two seconds show that a load is sustained")
	}
	if Sustained(1000, []float64{5, 5, 5, 5}, []float64{100, 150, 200, 250}) {
		t.Error("a growing latency is sustained")
	}
}

func TestBisection(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		high := rapid.Float64Range(1, 1e6).Draw(t, "high")
		limit := rapid.Float64Range(0, 1).Draw(t, "limit") * high
		b := Bisection{High: high, Steps: rapid.IntRange(1, 12).Draw(t, "steps")}
		width := high / math.Exp2(float64(b.Steps))
		for rate, more := b.Next(); more; rate, more = b.Next() {
			b = b.Observe(rate <= limit)
		}
		if b.Low > limit || b.High < limit || b.High-b.Low > width*1.001 {
			t.Errorf("found %v..%v around %v, to be %v wide", b.Low, b.High, limit, width)
		}
	})
}

func TestCatchUp(t *testing.T) {
	const slots = 50
	s := reference.Schedule{Rate: 1000, Records: 100 * slots}
	// 100 records arrive per slot; none from second 2 to 3; then 300 until all is made up for.
	first, owed := make([]int, slots), 0
	for i := range first {
		switch {
		case i >= 20 && i < 30:
			owed += 100
		default:
			more := min(owed, 200)
			owed -= more
			first[i] = 100 + more
		}
	}
	lags := Lags(s, first, 2, 0)
	if got := CatchUp(lags, 1, 2); got < 1.4 || got > 1.7 {
		t.Errorf("caught up after %v s, want 1.5; lags %v", got, lags)
	}
	// What is lost does not count as lag.
	first[30] -= 100
	if got := CatchUp(Lags(s, first, 2, 0), 1, 2); got != 0 {
		t.Errorf("caught up after %v s with 100 records missing", got)
	}
	if got := CatchUp(Lags(s, first, 2, 100), 1, 2); got < 1.4 || got > 1.7 {
		t.Errorf("caught up after %v s, want 1.5 when 100 were lost", got)
	}
}

func TestJudge(t *testing.T) {
	load := &reference.Reading{P99: 100}
	for _, c := range []struct {
		name  string
		r     Run
		lossy bool
		void  string
	}{
		{"good", Run{Load: load, Late: 9}, false, ""},
		{"late", Run{Load: load, Late: 11}, false, "late by 11.0 ms"},
		{"late by little", Run{Load: &reference.Reading{P99: 1}, Late: 9}, false, ""},
		{"late in a search", Run{Experiment: sustainable, Load: load, Late: 11}, false, ""},
		{"foreign", Run{CPU: CPU{Foreign: .11}}, false, "other processes used 11 % of the machine"},
		{"stolen", Run{Experiment: half, CPU: CPU{Stolen: .06}}, false, "the host used 6 % of the machine"},
		{"stolen from a backlog", Run{Experiment: drain, CPU: CPU{Stolen: .06}}, false, ""},
		{"too much of it", Run{Experiment: drain, CPU: CPU{Stolen: .11}}, false, "the host used 11 % of the machine"},
		{"lost", Run{Lost: 1, Fault: &Fault{}}, false, "1 records were lost"},
		{"lost by its nature", Run{Lost: 1, Fault: &Fault{}}, true, ""},
		{"lost without a kill", Run{Lost: 1}, true, "1 records were lost"},
	} {
		if got := strings.Join(Strict.Judge(c.r, c.lossy), "; "); (got == "") != (c.void == "") || !strings.Contains(got, c.void) {
			t.Errorf("%s: %q, want %q", c.name, got, c.void)
		}
	}
}

func TestReplays(t *testing.T) {
	r := Run{Records: 10_001, Attempts: 10_011, Scale: Scale{Poison: 1000}}
	if got := r.ReplaysPerPoisoned(); got != 1 {
		t.Errorf("%v replays, want 10 for 10 poisoned", got)
	}
	r.Attempts = 0
	if got := r.ReplaysPerPoisoned(); !math.IsNaN(got) {
		t.Errorf("%v replays where nobody counted", got)
	}
}

// sample has runs of all experiments.
func sample() Results {
	rs := Results{
		Name: "models", Plan: Full, Started: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC), Reference: Topology,
		Paired: []string{Topology, DirectSecond}, Half: 1000, Kafka: "none", Machine: thisMachine(),
		Sustained: []Sustain{{Topology, 0, 2000, 2100, false}, {Topology, 1, 9000, 9100, true}},
	}
	for _, x := range Experiments {
		for i, e := range []string{Topology, DirectSecond, Unacked, Loop} {
			for round := range 3 {
				at := 0.
				if x == curve {
					at = .5
				}
				r := Run{
					Experiment: x, Engine: e, At: at, Round: round, Rate: 1000, Records: 1000, Counted: 1000 * (i + 1),
					CPU: CPU{Seconds: 1, Engine: .5}, Scale: Scale{Poison: 100}, Attempts: 1010,
					Load:  &reference.Reading{P50: float64(i + round + 1), P99: 100, First: []int{1, 2}, Again: []int{0, 1}, CDF: slices.Repeat([]float64{1}, len(reference.Quantiles))},
					Fault: &Fault{Killed: 1, Silence: float64(round)},
				}
				if round == 2 {
					r.Void, r.Load.P50, r.Counted = []string{"a test"}, 1e9, 1e9
				}
				rs.Runs = append(rs.Runs, r)
			}
		}
	}
	return rs
}

// A void run is kept, and in no figure.
func TestResults(t *testing.T) {
	rs := sample()
	if got := rs.figure(half, Topology, 0, p50); got.Median != 1.5 || got.Max != 2 {
		t.Errorf("p50 %+v, want 1 and 2", got)
	}
	if got := rs.sustained(Topology).Max; got != 2000 {
		t.Errorf("sustained %v", got)
	}
	if got := rs.Voids(); got != len(Experiments)*4 {
		t.Errorf("%d voids", got)
	}
	dir := t.TempDir()
	stem, err := rs.Write(dir)
	if err != nil || stem != "2026-11-21-models-full" {
		t.Fatalf("%s, %v", stem, err)
	}
	cut := rs
	if cut.Partial = true; cut.Stem() == stem {
		t.Error("results that were cut short take the place of whole ones")
	}
	back, err := Read(filepath.Join(dir, stem+".json"))
	if err != nil || !cmp.Equal(rs, back) {
		t.Errorf("%v: %s", err, cmp.Diff(rs, back))
	}
	if err := rs.Document().Write(dir, stem); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, stem+".md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"In short", "Draining a backlog", "Sustainable throughput", "half load", "Latency against load", "distributed", "batch interval",
		"What acking costs", "A killed process", "Poisoned", "as the work grows", "1.50 (1.00..2.00)", "44 of 132 runs are void",
	} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("no %q in the document", want)
		}
	}
	for _, bad := range []string{"NaN", "1000000000", "Inf"} {
		if strings.Contains(string(raw), bad) {
			t.Errorf("%s in the document", bad)
		}
	}
}

func TestFair(t *testing.T) {
	drained := func(engine string, n int) Run {
		return Run{Experiment: drain, Engine: engine, Counted: n, CPU: CPU{Seconds: 1}}
	}
	rs := Results{Plan: Headline, Runs: []Run{drained(Loop, 1000), drained(DirectSecond, 899)}}
	if err := rs.Fair(DirectSecond, Loop); err == nil || !strings.Contains(err.Error(), "0.90 of what") {
		t.Errorf("0.899 of the loop: %v", err)
	}
	rs.Runs[1] = drained(DirectSecond, 900)
	if err := rs.Fair(DirectSecond, Loop); err != nil {
		t.Error(err)
	}
	rs.Runs[0].Void = []string{"a test"}
	if err := rs.Fair(DirectSecond, Loop); err == nil || !strings.Contains(err.Error(), "no drain") {
		t.Errorf("with no loop beside it: %v", err)
	}
	if err := (Results{}).Fair(DirectSecond, Loop); err != nil {
		t.Errorf("of a plan without a drain: %v", err)
	}
}

func TestPlans(t *testing.T) {
	if _, err := Full.Only([]string{"drains"}); err == nil || !strings.Contains(err.Error(), "sustainable") {
		t.Errorf("an experiment that is none: %v", err)
	}
	if p, err := Full.Only([]string{kill}); err != nil || p.has(drain) || !p.has(kill) {
		t.Errorf("%+v, %v", p, err)
	}
	few := Ours().few()
	names := func(es []Engine) (out []string) {
		for _, e := range es {
			out = append(out, e.Name)
		}
		return out
	}
	for _, es := range [][]Engine{few.Sustain, few.Half, few.Kill, few.Poison} {
		if got := names(es); !slices.Equal(got, []string{Topology, DirectSecond}) {
			t.Errorf("%q are compared", got)
		}
	}
	l := Ours().Beside([]Engine{{Name: "Storm"}, {Name: "Storm, slowly", Aside: true}})
	if got := names(l.Kill); !slices.Equal(got, []string{Topology, DirectSecond, "Storm"}) || l.Kill[2].Prime == 0 {
		t.Errorf("%q beside", got)
	}
	if got := names(l.Drain); !slices.Equal(got, []string{Loop, Topology, DirectSecond, "Storm"}) {
		t.Errorf("%q drain", got)
	}
	if got := names(l.Half); len(got) != 4 {
		t.Errorf("%q at half the load", got)
	}
}

package models

import (
	"fmt"
	"math"
	"strings"

	"github.com/waterspout/waterspout/benchmarks/internal/harness"
	"github.com/waterspout/waterspout/benchmarks/internal/report"
)

// Document is the results, to be read: what was asked first, what it rests on last.
func (rs Results) Document() report.Document {
	d := report.Document{
		Title: map[string]string{"models": "Two models of stream processing, one job", "peers": "The two models and their originals, one job"}[rs.Name],
		Lead:  lead,
		Facts: [][2]string{
			{"command", rs.Command}, {"commit", rs.Commit}, {"machine", rs.Machine.String()}, {"Kafka", rs.Kafka},
			{"began", rs.Started.Format("2006-01-02 15:04 MST")}, {"took", fmt.Sprintf("%.0f minutes", rs.Seconds/60)},
			{"half load", rate(float64(rs.Half)) + " records/s"},
		},
	}
	if rs.Partial {
		d.Facts = append(d.Facts, [2]string{"ended", "early, by an error or a signal: what follows is not all"})
	}
	for _, s := range []func() report.Section{
		rs.headline, rs.drained, rs.searched, rs.halfLoad, rs.curve, rs.distribution, rs.batched, rs.acking,
		rs.killed, rs.poisoned, rs.grown, rs.written, problems, rs.rules,
	} {
		if section := s(); len(section.Tables)+len(section.Plots)+len(section.Notes) > 0 {
			d.Sections = append(d.Sections, section)
		}
	}
	return d
}

const lead = "Each engine reads Avro tweets from a Kafka topic, decodes them, encodes them and writes them to another topic. " +
	"A topology handles each record by itself and acks it; micro-batch collects what came in an interval and handles it as one. " +
	"Models are compared here, not brands. Figures are medians of the runs that count, with least..most in parentheses; " +
	"CPU s/M are CPU seconds per million records of the engine's process alone."

// headline has what is asked first.
func (rs Results) headline() report.Section {
	first := report.Table{
		Title:   "In short",
		Columns: []string{"engine", "backlog, records/s", "CPU s/M", "p50 ms", "p99 ms", "silent after a kill, s", "replays per poisoned"},
	}
	ratios := report.Table{
		Title:   "Beside the " + rs.Reference,
		Columns: []string{"engine", "records/s", "records per CPU second", "p99"},
	}
	for _, e := range rs.Paired {
		first.Rows = append(first.Rows, []string{
			e, rs.show(drain, e, 0, Run.PerSecond, rate), rs.show(drain, e, 0, engineCPU, two),
			rs.show(half, e, 0, p50, ms), rs.show(half, e, 0, p99, ms),
			rs.show(kill, e, 0, silence, two), rs.show(poison, e, 0, Run.ReplaysPerPoisoned, one),
		})
		if e == rs.Reference {
			continue
		}
		ratios.Rows = append(ratios.Rows, []string{e, rs.beside(e, drain, Run.PerSecond), rs.beside(e, drain, perCPUSecond), rs.beside(e, half, p99)})
	}
	return report.Section{
		Title: "In short", Tables: []report.Table{first, ratios},
		Text: fmt.Sprintf("Latencies are at %s records/s, half of what the slowest of these engines sustains. "+
			"The second table has what each engine reaches of the %s's figure: below 1 is less, which is worse for rates and better for p99.", rate(float64(rs.Half)), rs.Reference),
	}
}

// beside is the figure of an engine divided by that of the reference.
func (rs Results) beside(e, experiment string, of func(Run) float64) string {
	x, ref := rs.figure(experiment, e, 0, of).Median, rs.figure(experiment, rs.Reference, 0, of).Median
	if x == 0 || ref == 0 {
		return none
	}
	return "x " + three(x/ref)
}

func (rs Results) drained() report.Section {
	t := rs.table(drain, "engine", []column{
		{"records/s", Run.PerSecond, rate}, {"CPU s/M", engineCPU, two}, {"broker CPU s/M", brokerCPU, two}, {"peak MB", peak, whole}, {"start s", start, two},
	})
	s := report.Section{
		Title: "Draining a backlog", Tables: t,
		Text: "How fast an engine empties a topic that is full when it starts, nothing else running but the broker. " +
			fmt.Sprintf("Measured from when %.0f %% of the output is there to its end; the start is from the process's birth to its first record.", 100*rs.Plan.Warm),
	}
	if d, l := rs.figure(drain, DirectSecond, 0, Run.PerSecond).Median, rs.figure(drain, Loop, 0, Run.PerSecond).Median; d > 0 && l > 0 {
		s.Notes = append(s.Notes, fmt.Sprintf("%s reaches %.2f of the %s, which stands on the same client: it is a fair opponent if that is at least %.1f.", DirectSecond, d/l, Loop, leastOfLoop))
	}
	return s
}

func (rs Results) searched() report.Section {
	t := report.Table{Columns: []string{"engine", "records/s", "searches that count"}}
	for _, e := range distinctOf(rs.Sustained) {
		n := 0
		for _, s := range rs.Sustained {
			if s.Engine == e && !s.Void {
				n++
			}
		}
		found := none
		if n > 0 {
			found = spread(rs.sustained(e), rate)
		}
		t.Rows = append(t.Rows, []string{e, found, fmt.Sprint(n)})
	}
	if len(t.Rows) == 0 {
		return report.Section{}
	}
	return report.Section{
		Title: "Sustainable throughput", Tables: []report.Table{t},
		Text: "The highest rate, found by bisection, at which neither latency nor lag trends upward, with generator, broker and reader on the same machine. " +
			fmt.Sprintf("Each search takes %d steps, so a figure is right to a %dth of the rate of the drain.", rs.Plan.Probes, 1<<rs.Plan.Probes),
	}
}

func distinctOf(ss []Sustain) (names []string) {
	seen := map[string]bool{}
	for _, s := range ss {
		if !seen[s.Engine] {
			seen[s.Engine] = true
			names = append(names, s.Engine)
		}
	}
	return names
}

func (rs Results) halfLoad() report.Section {
	return report.Section{
		Title: "Latency at the half load", Tables: rs.table(half, "engine", []column{
			{"p50 ms", p50, ms}, {"p99 ms", p99, ms}, {"p99.9 ms", p999, ms}, {"CPU s/M", engineCPU, two}, {"broker CPU s/M", brokerCPU, two},
		}),
		Text: fmt.Sprintf("All engines at the same %s records/s. A latency is from the moment a record was to be sent to its arrival at a reader of the output.", rate(float64(rs.Half))),
	}
}

func (rs Results) acking() report.Section {
	t := report.Table{Columns: []string{"topology", "backlog, records/s", "CPU s/M", "p50 ms", "p99 ms", "CPU s/M at the half load"}}
	for _, e := range []string{Topology, Unacked} {
		if len(rs.Of(drain, e, 0)) == 0 || len(rs.Of(half, e, 0)) == 0 {
			return report.Section{}
		}
		t.Rows = append(t.Rows, []string{
			e, rs.show(drain, e, 0, Run.PerSecond, rate), rs.show(drain, e, 0, engineCPU, two),
			rs.show(half, e, 0, p50, ms), rs.show(half, e, 0, p99, ms), rs.show(half, e, 0, engineCPU, two),
		})
	}
	return report.Section{
		Title: "What acking costs", Tables: []report.Table{t},
		Text: "The same topology with every record tracked until it is written, and untracked. The guarantee differs: untracked, a record that fails or is under way in a kill is lost.",
	}
}

func (rs Results) poisoned() report.Section {
	return report.Section{
		Title: "Poisoned records", Tables: rs.table(poison, "engine", []column{
			{"replays per poisoned", Run.ReplaysPerPoisoned, one}, {"p50 ms", p50, ms}, {"p99 ms", p99, ms}, {"p99.9 ms", p999, ms}, {"doubled", doubled, whole},
		}),
		Text: fmt.Sprintf("One record in %d fails the first time it is decoded. A topology replays that record; a batch is replayed as far as its task reaches, and the batches behind it wait. ", rs.Plan.Poison) +
			"A number behind an engine is the share of the half load that it had; without one it had all of it.",
	}
}

// rules says what all of it rests on.
func (rs Results) rules() report.Section {
	voids := report.Table{Title: "Void runs", Columns: []string{"experiment", "runs", "void"}}
	reasons := map[string]int{}
	var foreign, stolen, late float64
	for _, x := range Experiments {
		runs, void := 0, 0
		for _, r := range rs.Runs {
			if r.Experiment != x {
				continue
			}
			runs++
			if !r.OK() {
				void++
				reasons[strings.TrimRight(strings.SplitN(r.Void[0], " by ", 2)[0], "0123456789 %")]++
				continue
			}
			foreign, stolen, late = max(foreign, r.CPU.Foreign), max(stolen, r.CPU.Stolen), max(late, r.Late)
		}
		if runs > 0 {
			voids.Rows = append(voids.Rows, []string{x, fmt.Sprint(runs), fmt.Sprint(void)})
		}
	}
	return report.Section{
		Title: "How it was measured", Tables: []report.Table{voids},
		Notes: []string{
			"The load is open: it follows a schedule made beforehand, with batches encoded beforehand, from a process of its own; a reader of the output is another. Where the system allows it, both go before other processes (nice -15), so that an engine that is busy does not delay the clock.",
			"The engines take turns in every round. Each run has new processes, topics and a new group, and passes records through the engine before its clock starts; what is measured begins when latency is flat.",
			rs.Plan.Rules.text(rs.Plan.Tries),
			fmt.Sprintf("%d of %d runs are void. In those that count, other processes used at most %.0f %% of the machine, its host at most %.0f %%, and the generator was late by at most %.1f ms at p99.", rs.Voids(), len(rs.Runs), 100*foreign, 100*stolen, late),
			"All engines but those marked write at least once: what is compared has the same guarantee. Receivers and the untracked topology may lose records.",
		},
	}
}

// text says the rules.
func (rules Rules) text(tries int) string {
	if rules == Lenient {
		return "This was a smoke run: a run is void only if records were lost, and the figures mean nothing."
	}
	return fmt.Sprintf("A run is void, and tried up to %d times, if other processes used more than %.0f %% of the machine, if the host of a virtual machine gave more than %.0f %% of it to others (%.0f %% while a backlog was drained), "+
		"if the generator was late at p99 by more than %.0f ms and more than %.0f %% of the measured p99, or if records were lost that the engine promises to keep. "+
		"Void runs are in the JSON file and in no figure. The generator may be late in the search, where too much load is what delays it: it counts against the engine.",
		tries, 100*rules.Foreign, 100*rules.Stolen, 100*rules.Slowed, rules.Late, 100*rules.Share)
}

// A column is a figure of a table.
type column struct {
	name  string
	of    func(Run) float64
	shown func(float64) string
}

// table has a row for each engine, and each value of what the experiment varies; it
// is none if the experiment was not run.
func (rs Results) table(experiment, first string, columns []column) []report.Table {
	t := report.Table{Columns: []string{first}}
	for _, c := range columns {
		t.Columns = append(t.Columns, c.name)
	}
	t.Columns = append(t.Columns, "runs")
	for _, e := range rs.engines(experiment) {
		for _, at := range rs.values(experiment, e) {
			row := []string{e}
			if at != 0 {
				row[0] += fmt.Sprintf(", %g", at)
			}
			for _, c := range columns {
				row = append(row, rs.show(experiment, e, at, c.of, c.shown))
			}
			t.Rows = append(t.Rows, append(row, fmt.Sprint(len(rs.Of(experiment, e, at)))))
		}
	}
	if len(t.Rows) == 0 {
		return nil
	}
	return []report.Table{t}
}

// none is shown where nothing counts.
const none = "-"

// show shows a figure, and none if no run that counts has it.
func (rs Results) show(experiment, engine string, at float64, of func(Run) float64, shown func(float64) string) string {
	if len(rs.all(experiment, engine, at, of)) == 0 {
		return none
	}
	return spread(rs.figure(experiment, engine, at, of), shown)
}

// spread shows a median and what lies around it.
func spread(s harness.Spread, shown func(float64) string) string {
	if s.Min == s.Max {
		return shown(s.Median)
	}
	return fmt.Sprintf("%s (%s..%s)", shown(s.Median), shown(s.Min), shown(s.Max))
}

func rate(x float64) string {
	switch {
	case x >= 1e6:
		return fmt.Sprintf("%.2f M", x/1e6)
	case x >= 1e4:
		return fmt.Sprintf("%.0f k", x/1e3)
	}
	return fmt.Sprintf("%.0f", x)
}

func two(x float64) string   { return fmt.Sprintf("%.2f", x) }
func one(x float64) string   { return fmt.Sprintf("%.1f", x) }
func whole(x float64) string { return fmt.Sprintf("%.0f", x) }
func three(x float64) string { return fmt.Sprintf("%.3g", x) }

// ms shows milliseconds in as many digits as they are worth.
func ms(x float64) string {
	if x >= 10 {
		return whole(x)
	}
	return two(x)
}

func engineCPU(r Run) float64    { return r.PerMillion(r.CPU.Engine) }
func perCPUSecond(r Run) float64 { return float64(r.Counted) / r.CPU.Engine }
func peak(r Run) float64         { return float64(r.Peak) / 1e6 }
func start(r Run) float64        { return r.Start }
func doubled(r Run) float64      { return float64(r.Doubled) }
func lost(r Run) float64         { return float64(r.Lost) }

func brokerCPU(r Run) float64 {
	if r.CPU.Broker == 0 {
		return math.NaN()
	}
	return r.PerMillion(r.CPU.Broker)
}

// reading is a figure of what arrived of a load.
func reading(of func(*Run) float64) func(Run) float64 {
	return func(r Run) float64 {
		if r.Load == nil {
			return math.NaN()
		}
		return of(&r)
	}
}

var (
	p50  = reading(func(r *Run) float64 { return r.Load.P50 })
	p99  = reading(func(r *Run) float64 { return r.Load.P99 })
	p999 = reading(func(r *Run) float64 { return r.Load.P999 })
)

// fault is a figure of a kill.
func fault(of func(*Fault) float64) func(Run) float64 {
	return func(r Run) float64 {
		if r.Fault == nil {
			return math.NaN()
		}
		return of(r.Fault)
	}
}

var (
	silence = fault(func(f *Fault) float64 { return f.Silence })
	usual   = fault(func(f *Fault) float64 { return f.Calm })
	catchUp = fault(func(f *Fault) float64 {
		if f.CatchUp == 0 {
			return math.NaN() // it never did
		}
		return f.CatchUp
	})
)

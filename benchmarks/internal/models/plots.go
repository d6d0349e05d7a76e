package models

import (
	"fmt"
	"slices"

	"github.com/waterspout/waterspout/benchmarks/internal/harness"
	"github.com/waterspout/waterspout/benchmarks/internal/reference"
	"github.com/waterspout/waterspout/benchmarks/internal/report"
)

func point(x float64, s harness.Spread) report.Point {
	return report.Point{X: x, Y: s.Median, Low: s.Min, High: s.Max}
}

// series has a point for each value of what an experiment varies.
func (rs Results) series(experiment, engine, name string, x func(at float64) float64, of func(Run) float64) report.Series {
	s := report.Series{Name: name}
	for _, at := range rs.values(experiment, engine) {
		if spread := rs.figure(experiment, engine, at, of); spread != (harness.Spread{}) {
			s.Points = append(s.Points, point(x(at), spread))
		}
	}
	return s
}

func (rs Results) curve() report.Section {
	engines := rs.engines(curve)
	if len(engines) == 0 {
		return report.Section{}
	}
	p := report.Plot{
		Name: "latency-load", Title: "p50 and p99 against the offered load",
		Alt: "Each engine's latency rises steeply where the load is more than it sustains.",
		X:   report.Axis{Label: "records/s offered", Log: true}, Y: report.Axis{Label: "ms", Log: true},
	}
	for _, e := range engines {
		offered := func(at float64) float64 {
			return rs.figure(curve, e, at, func(r Run) float64 { return float64(r.Rate) }).Median
		}
		p.Series = append(p.Series, rs.series(curve, e, e+", p99", offered, p99), rs.series(curve, e, e+", p50", offered, p50))
	}
	return report.Section{
		Title: "Latency against load", Plots: []report.Plot{p},
		Tables: rs.table(curve, "engine, share of its sustainable rate", []column{
			{"records/s", func(r Run) float64 { return float64(r.Rate) }, rate}, {"p50 ms", p50, ms}, {"p99 ms", p99, ms}, {"p99.9 ms", p999, ms}, {"CPU s/M", engineCPU, two},
		}),
		Text: "The knee is where an engine has more to do than it can; from there on latency is the length of the queue.",
	}
}

// distribution has the latencies at a half and at four fifths of what each engine
// sustains.
func (rs Results) distribution() report.Section {
	s := report.Section{
		Title: "How latencies are distributed",
		Text:  "The share of the records that arrive within a time, the median run of each engine at its own load. A batch spreads its records evenly over its interval; a topology has most of them close together.",
	}
	for _, share := range []float64{.5, .8} {
		p := report.Plot{
			Name: fmt.Sprintf("cdf-%.0f", 100*share), Title: fmt.Sprintf("Latency at %.0f %% of the sustainable rate", 100*share),
			Alt: "Cumulative distributions of latency, one line per engine.",
			X:   report.Axis{Label: "ms", Log: true}, Y: report.Axis{Label: "% of the records", Max: 100},
		}
		for _, e := range rs.engines(curve) {
			line := report.Series{Name: e}
			for q, quantile := range reference.Quantiles {
				if at := rs.figure(curve, e, share, func(r Run) float64 { return r.Load.CDF[q] }); at.Median > 0 {
					line.Points = append(line.Points, report.Point{X: at.Median, Y: quantile})
				}
			}
			if len(line.Points) > 0 {
				p.Series = append(p.Series, line)
			}
		}
		if len(p.Series) > 0 {
			s.Plots = append(s.Plots, p)
		}
	}
	return s
}

func (rs Results) batched() report.Section {
	ref := rs.Reference
	if len(rs.engines(interval)) == 0 {
		return report.Section{}
	}
	p := report.Plot{
		Name: "interval", Title: "Latency against the batch interval",
		Alt: "Micro-batch's latency grows with its interval; the topology has none, so its line is level.",
		X:   report.Axis{Label: "batch interval, s", Log: true}, Y: report.Axis{Label: "ms", Log: true},
	}
	for _, q := range []struct {
		name string
		of   func(Run) float64
	}{{"p99", p99}, {"p50", p50}} {
		batches := report.Series{Name: Direct + ", " + q.name}
		for _, e := range rs.engines(interval) {
			if e != ref {
				batches.Points = append(batches.Points, rs.series(interval, e, "", func(at float64) float64 { return at }, q.of).Points...)
			}
		}
		slices.SortFunc(batches.Points, func(a, b report.Point) int { return int(1e6 * (a.X - b.X)) })
		across := rs.series(interval, ref, ref+", "+q.name, func(at float64) float64 { return at }, q.of)
		across.Kind = report.Across
		p.Series = append(p.Series, batches, across)
	}
	return report.Section{
		Title: "Latency against the batch interval", Plots: []report.Plot{p},
		Tables: rs.table(interval, "engine", []column{{"p50 ms", p50, ms}, {"p99 ms", p99, ms}, {"p99.9 ms", p999, ms}, {"CPU s/M", engineCPU, two}}),
		Text:   "At the half load. A shorter batch is what lowers the latency of micro-batch, and what it costs is in the CPU column.",
	}
}

func (rs Results) killed() report.Section {
	engines := rs.engines(kill)
	if len(engines) == 0 {
		return report.Section{}
	}
	p := report.Plot{
		Name: "kill", Title: "Output through a kill -9 and a restart at once",
		Alt: "Records per tenth of a second that arrive: a gap after the kill, then what was left over, then the load again.",
		X:   report.Axis{Label: "seconds"}, Y: report.Axis{Label: "records per 0.1 s"},
	}
	for _, e := range engines {
		runs := rs.Of(kill, e, 0)
		if len(runs) == 0 {
			p.Series = append(p.Series, report.Series{Name: e})
			continue
		}
		r := middle(runs, silence)
		if len(p.Marks) == 0 {
			p.Marks = append(p.Marks, report.Mark{X: r.Fault.Killed, Label: "kill -9"})
		}
		line := report.Series{Name: e, Kind: report.Steps}
		for i, n := range r.Load.First {
			line.Points = append(line.Points, report.Point{X: float64(i) * reference.Slot.Seconds(), Y: float64(n + r.Load.Again[i])})
		}
		p.Series = append(p.Series, line)
	}
	return report.Section{
		Title: "A killed process", Plots: []report.Plot{p},
		Tables: rs.table(kill, "engine", []column{
			{"lost", lost, whole}, {"doubled", doubled, whole}, {"silent s", silence, two}, {"silent before, s", usual, two}, {"caught up after s", catchUp, one},
		}),
		Text: fmt.Sprintf("At the half load the engine's process is killed after %.0f s and started again at once. Silence is the longest time without a record from then on, beside the longest before, which a batch has by its nature; caught up is when the lag is what it was, for a second. The plot has the run of each engine whose silence is the median.", rs.Plan.Fault),
	}
}

// middle is the run of the median of a figure.
func middle(runs []Run, of func(Run) float64) Run {
	runs = slices.Clone(runs)
	slices.SortFunc(runs, func(a, b Run) int {
		switch x, y := of(a), of(b); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	return runs[(len(runs)-1)/2]
}

func (rs Results) grown() report.Section {
	s := report.Section{
		Title: "Cost as the work grows",
		Text:  "Backlogs drained with more tasks, more records under way, larger records, and more partitions; memory is the most that the process ever had.",
	}
	for _, g := range []struct{ experiment, title, first string }{
		{growTasks, "Tasks that decode, and that encode", "engine, tasks"},
		{growPending, "Records under way per spout task", "engine, records"},
		{growSize, "Size of a record", "engine, bytes"},
		{growParts, "Partitions", "engine, partitions"},
	} {
		for _, t := range rs.table(g.experiment, g.first, []column{
			{"records/s", Run.PerSecond, rate}, {"MB/s", megabytes, one}, {"CPU s/M", engineCPU, two}, {"peak MB", peak, whole},
		}) {
			t.Title = g.title
			s.Tables = append(s.Tables, t)
		}
	}
	return s
}

// megabytes is the rate in bytes; a tweet has 160 on average.
func megabytes(r Run) float64 {
	size := 160
	if r.Size > 0 {
		size = r.Size
	}
	return r.PerSecond() * float64(size) / 1e6
}

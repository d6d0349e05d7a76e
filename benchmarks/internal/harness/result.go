package harness

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
)

// A Result is all runs of one contender.
type Result struct {
	Name string
	Runs []Run
}

// Results are those of the contenders of a benchmark, in their order.
type Results []Result

// Spread is that of one figure over the runs.
func (r Result) Spread(figure func(Run) float64) Spread {
	xs := make([]float64, len(r.Runs))
	for i, run := range r.Runs {
		xs[i] = figure(run)
	}
	return SpreadOf(xs)
}

// Of is the result of a contender; it is empty if there is none of that name.
func (rs Results) Of(name string) Result {
	for _, r := range rs {
		if r.Name == name {
			return r
		}
	}
	return Result{Name: name}
}

// Figures are a contender's medians as they are printed with -json, but for the
// peak, which is the highest. What a benchmark did not measure is left out.
type Figures struct {
	PerSecond    float64    `json:"per_second"`
	CPU          float64    `json:"cpu_s_per_million"`
	PerSecondIn  [2]float64 `json:"per_second_spread"`
	CPUIn        [2]float64 `json:"cpu_s_per_million_spread"`
	Foreign      float64    `json:"foreign_cores"`
	Runs         int        `json:"runs"`
	PeakMB       float64    `json:"peak_mb"`
	HelpersCPU   float64    `json:"broker_cpu_s_per_million,omitempty"`
	P50          float64    `json:"p50_ms,omitempty"`
	P99          float64    `json:"p99_ms,omitempty"`
	P999         float64    `json:"p999_ms,omitempty"`
	LatencyCPU   float64    `json:"latency_cpu_s_per_million,omitempty"`
	GeneratorP99 float64    `json:"generator_late_p99_ms,omitempty"`
	NATSCPU      float64    `json:"nats_cpu_s_per_million,omitempty"`
	Start        float64    `json:"start_s,omitempty"`
}

// Figures are the medians.
func (r Result) Figures() Figures {
	rate, cpu := r.Spread(Run.PerSecond), r.Spread(Run.PerMillion)
	return Figures{
		PerSecond: rate.Median, PerSecondIn: [2]float64{rate.Min, rate.Max},
		CPU: cpu.Median, CPUIn: [2]float64{cpu.Min, cpu.Max},
		Foreign:    r.Spread(func(r Run) float64 { return r.Foreign }).Median,
		Runs:       len(r.Runs),
		PeakMB:     r.Spread(func(r Run) float64 { return float64(r.PeakBytes) / 1e6 }).Max,
		HelpersCPU: r.Spread(Run.HelpersPerMillion).Median,
	}
}

// AddLatency adds the medians of runs that measured latency.
func (f *Figures) AddLatency(r Result) {
	of := func(figure func(*Latency) float64) float64 {
		return r.Spread(func(r Run) float64 { return figure(r.Latency) }).Median
	}
	f.P50 = of(func(l *Latency) float64 { return l.P50 })
	f.P99 = of(func(l *Latency) float64 { return l.P99 })
	f.P999 = of(func(l *Latency) float64 { return l.P999 })
	f.GeneratorP99 = of(func(l *Latency) float64 { return l.Late })
	f.LatencyCPU = r.Spread(Run.PerMillion).Median
}

// Crossing is the share of the tuples that crossed, of runs that measured it.
func (r Result) Crossing() Spread {
	return r.Spread(func(r Run) float64 { return r.Cluster.Crossing })
}

// AddCluster adds the medians of runs that measured a cluster.
func (f *Figures) AddCluster(r Result) {
	f.Start = r.Spread(func(r Run) float64 { return r.Cluster.Start }).Median
	f.NATSCPU = r.Spread(func(r Run) float64 { return r.Cluster.NATS / float64(r.Count) * 1e6 }).Median
}

// WriteJSON writes figures as one line: an object keyed by contender.
func WriteJSON(w io.Writer, figures any) error {
	return json.NewEncoder(w).Encode(figures)
}

// WriteTable writes the throughput of the contenders, each beside the last one,
// which is the baseline.
func (rs Results) WriteTable(w io.Writer, unit string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	base := rs[len(rs)-1].Figures()
	fmt.Fprintf(t, "\t%s/s\tmin..max\tCPU s/M\tmin..max\tbroker s/M\tpeak MB\tforeign cores\trate:%[2]s\tCPU:%[2]s\t\n", unit, rs[len(rs)-1].Name)
	for _, r := range rs {
		f := r.Figures()
		fmt.Fprintf(t, "%s\t%s\t%s..%s\t%.3f\t%.3f..%.3f\t%.2f\t%.0f\t%.2f\t%.2f\t%.2f\t\n",
			r.Name, count(f.PerSecond), count(f.PerSecondIn[0]), count(f.PerSecondIn[1]),
			f.CPU, f.CPUIn[0], f.CPUIn[1], f.HelpersCPU, f.PeakMB, f.Foreign,
			f.PerSecond/base.PerSecond, f.CPU/base.CPU)
	}
	return t.Flush()
}

// WriteLatency writes the latencies of the contenders.
func (rs Results) WriteLatency(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "\tp50 ms\tp99 ms\tmin..max\tp99.9 ms\tCPU s/M\tforeign cores\tgenerator late p99 ms\t\n")
	for _, r := range rs {
		var f Figures
		f.AddLatency(r)
		p99 := r.Spread(func(r Run) float64 { return r.Latency.P99 })
		foreign := r.Spread(func(r Run) float64 { return r.Foreign }).Median
		fmt.Fprintf(t, "%s\t%.2f\t%.2f\t%.2f..%.2f\t%.2f\t%.1f\t%.2f\t%.2f\t\n",
			r.Name, f.P50, f.P99, p99.Min, p99.Max, f.P999, f.LatencyCPU, foreign, f.GeneratorP99)
	}
	return t.Flush()
}

// count is a number of things in few digits.
func count(x float64) string {
	switch {
	case x >= 1e6:
		return fmt.Sprintf("%.2fM", x/1e6)
	case x >= 1e3:
		return fmt.Sprintf("%.1fk", x/1e3)
	}
	return fmt.Sprintf("%.1f", x)
}

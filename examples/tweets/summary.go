package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/internal/tweets"
)

// A summary is what is known at the end. Its zero value is that of a program
// that did not come far.
type summary struct {
	stats   *cluster.Stats  // nil: the job did not run
	verdict *tweets.Verdict // nil: nobody looked
	seconds float64
	cpu     float64 // seconds of this process and its children, with the embedded Kafka's

	workers     int    // other processes that did it
	kills       *int   // of those; nil: none were wanted
	fingerprint string // of the job, where there may be others
}

func (s *summary) ran(stats cluster.Stats, took, cpu time.Duration) {
	s.stats, s.seconds, s.cpu = &stats, took.Seconds(), cpu.Seconds()
}

// print writes the summary for people.
func (s *summary) print(w io.Writer) {
	if s.stats != nil {
		s.printTable(w)
		s.printCounters(w)
		s.printProcesses(w)
	}
	if v := s.verdict; v != nil {
		if v.Bad > 0 {
			fmt.Fprintf(w, "bad records: %d\n", v.Bad)
		}
		if v.Phantoms > 0 {
			fmt.Fprintf(w, "of unknown origin: %d\n", v.Phantoms)
		}
		fmt.Fprintf(w, "missing %d, duplicates %d\n", v.Missing, v.Duplicates)
	}
}

func (s *summary) printProcesses(w io.Writer) {
	of := ""
	if s.workers > 0 {
		fmt.Fprintf(w, "workers: %d\n", s.workers)
		of = " of the parent"
	}
	if s.kills != nil {
		fmt.Fprintf(w, "workers killed between the first commit and the last: %d\n", *s.kills)
	}
	if memory, ok := peakMemory(); ok {
		fmt.Fprintf(w, "peak memory%s: %d MB\n", of, memory/1e6)
	}
}

func (s *summary) printTable(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "component\ttasks\texecuted\tacked\tfailed\texecute p50\tp99\tcomplete p50\tp99\tcapacity\t")
	for _, c := range s.stats.Components {
		row := []string{c.Name, strconv.Itoa(c.Tasks), grouped(c.Executed), grouped(c.Acked), failures(c)}
		row = append(row, latency(c.Execute)...)
		row = append(row, latency(c.Complete)...)
		if c.Spout {
			row[2] = "-"
		}
		row = append(row, s.capacity(c), "")
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	t.Flush()
}

// capacity is known of those who work now.
func (s *summary) capacity(c cluster.Component) string {
	if len(s.stats.Workers) == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", c.Capacity)
}

// failures are how many failed, by kind.
func failures(c cluster.Component) string {
	if c.Failed == 0 {
		return "0"
	}
	var kinds []string
	for _, k := range slices.Sorted(maps.Keys(c.FailedBy)) {
		kinds = append(kinds, fmt.Sprintf("%s %s", grouped(c.FailedBy[k]), k))
	}
	return strings.Join(kinds, ", ")
}

func latency(l cluster.Latency) []string {
	if l.Max == 0 {
		return []string{"-", "-"}
	}
	return []string{rounded(l.P50), rounded(l.P99)}
}

// rounded is d to three digits, which is as exact as it is.
func rounded(d time.Duration) string {
	unit := time.Duration(1)
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit).String()
}

// printCounters prints the job's counters, and the library's where they tell of
// something out of the ordinary.
func (s *summary) printCounters(w io.Writer) {
	fmt.Fprintln(w)
	for _, name := range slices.Sorted(maps.Keys(s.stats.Counters)) {
		if n := uint64(s.stats.Counters[name]); n > 0 || name == consumed || name == produced {
			fmt.Fprintf(w, "%s: %s\n", name, grouped(n))
		}
	}
	for _, c := range s.stats.Components {
		if c.Dropped > 0 {
			fmt.Fprintf(w, "bad records dropped by %s: %s\n", c.Name, grouped(c.Dropped))
		}
		if c.Replayed > 0 {
			fmt.Fprintf(w, "replayed by %s: %s\n", c.Name, grouped(c.Replayed))
		}
	}
}

// grouped is n with its digits in threes.
func grouped(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// A report is the summary for programs; what is not known is null.
type report struct {
	Read           *int64   `json:"read"`
	Written        *int64   `json:"written"`
	Acked          *uint64  `json:"acked"`
	Failed         *uint64  `json:"failed"`
	Replayed       *uint64  `json:"replayed"`
	Missing        *int     `json:"missing"`
	Duplicates     *int     `json:"duplicates"`
	Seconds        *float64 `json:"seconds"`
	PerSecond      *float64 `json:"per_second"`
	P50            *float64 `json:"p50_ms"` // complete latency
	P99            *float64 `json:"p99_ms"`
	CPUSPerMillion *float64 `json:"cpu_s_per_million"`
	Workers        *int     `json:"workers"`
	Kills          *int     `json:"kills"`
	Fingerprint    string   `json:"fingerprint,omitempty"` // of -stats
}

// printJSON writes the summary as a line.
func (s *summary) printJSON(w io.Writer) {
	r := report{Kills: s.kills, Fingerprint: s.fingerprint}
	if s.stats != nil {
		r.fill(s)
	}
	if s.verdict != nil {
		r.Missing, r.Duplicates = &s.verdict.Missing, &s.verdict.Duplicates
	}
	line, _ := json.Marshal(r) // numbers and nulls
	fmt.Fprintf(w, "%s\n", line)
}

func (r *report) fill(s *summary) {
	read := s.stats.Components[0]
	r.Read, r.Written = new(s.stats.Counters[consumed]), new(s.stats.Counters[produced])
	r.Acked, r.Failed, r.Replayed = &read.Acked, &read.Failed, &read.Replayed
	r.Seconds = &s.seconds
	if s.seconds > 0 {
		r.PerSecond = new(float64(read.Acked) / s.seconds)
	}
	if s.workers > 0 || s.fingerprint != "" {
		r.Workers = &s.workers
	}
	if read.Acked > 0 {
		r.P50, r.P99 = new(milliseconds(read.Complete.P50)), new(milliseconds(read.Complete.P99))
	}
	if read.Acked > 0 && s.cpu > 0 {
		r.CPUSPerMillion = new(s.cpu / float64(read.Acked) * 1e6)
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / 1e6 }

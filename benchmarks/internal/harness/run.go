package harness

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"
)

// A Run is one measured run of a contender.
type Run struct {
	Usage
	Aside
	Latency *Latency // nil where it was not measured
	Cluster *Cluster // the same
}

// A Cluster is what there is to know of a contender of one or more workers.
type Cluster struct {
	Start    float64 // seconds from its start to the first record, none of which count elsewhere
	Crossing float64 // share of the tuples that went from one worker to another
	NATS     float64 // CPU seconds of the server between them
}

// A Latency has the quantiles of one run, in milliseconds.
type Latency struct {
	P50, P99, P999, Max float64
	Late                float64 // by how much the generator itself was behind, at worst 1 %
}

// PerSecond is the rate.
func (r Run) PerSecond() float64 { return float64(r.Count) / r.Seconds }

// PerMillion is CPU seconds per million records.
func (r Run) PerMillion() float64 { return r.CPU / float64(r.Count) * 1e6 }

// HelpersPerMillion is the same of what served the contender.
func (r Run) HelpersPerMillion() float64 { return r.Helpers / float64(r.Count) * 1e6 }

// A Contender is one way to do the job. Do does it once.
type Contender struct {
	Name string
	Do   func(ctx context.Context) (Run, error)
}

// Interleave runs the contenders in turn, runs times each, so that what changes
// on the machine meanwhile hits all alike; every round begins with another one.
// With patience, it waits that long before each run for a machine that others
// leave alone, and repeats a disturbed run twice; of the three the least disturbed
// counts, whatever it shows. A line per run goes to progress.
func Interleave(ctx context.Context, contenders []Contender, runs int, patience time.Duration, progress io.Writer) (Results, error) {
	results := make(Results, len(contenders))
	for i, c := range contenders {
		results[i].Name = c.Name
	}
	for round := range runs {
		for k := range contenders {
			i := (round + k) % len(contenders)
			r, err := calmest(ctx, contenders[i], patience)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", contenders[i].Name, err)
			}
			results[i].Runs = append(results[i].Runs, r)
			fmt.Fprintf(progress, "%d/%d %-12s %s\n", round+1, runs, contenders[i].Name, r)
		}
	}
	return results, nil
}

func calmest(ctx context.Context, c Contender, patience time.Duration) (Run, error) {
	awaitCalm(ctx, patience)
	best, err := c.Do(ctx)
	for again := 0; again < 2 && err == nil && patience > 0 && best.Foreign > calm; again++ {
		awaitCalm(ctx, patience)
		var r Run
		if r, err = c.Do(ctx); r.Foreign < best.Foreign {
			best = r
		}
	}
	return best, err
}

// String is a line of progress.
func (r Run) String() string {
	s := fmt.Sprintf("%9s/s  %.3f CPU s/M  beside it %.2f cores", count(r.PerSecond()), r.PerMillion(), r.Foreign)
	if l := r.Latency; l != nil {
		s += fmt.Sprintf("  p50 %.2f  p99 %.2f  p99.9 %.2f ms", l.P50, l.P99, l.P999)
	}
	if c := r.Cluster; c != nil {
		s += fmt.Sprintf("  crossed %.2f  start %.1f s", c.Crossing, c.Start)
	}
	return s
}

// A Spread is a median and what lies around it.
type Spread struct{ Median, Min, Max float64 }

// SpreadOf is that of xs; all zero if there are none. The median of an even
// number is the mean of the middle two.
func SpreadOf(xs []float64) Spread {
	if len(xs) == 0 {
		return Spread{}
	}
	xs = slices.Sorted(slices.Values(xs))
	n := len(xs)
	return Spread{(xs[(n-1)/2] + xs[n/2]) / 2, xs[0], xs[n-1]}
}

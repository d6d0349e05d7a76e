package reference

import (
	"context"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/waterspout/waterspout/benchmarks/internal/harness"
)

// A Steady is one call of [Load].
type Steady struct {
	Brokers []string
	In, Out string
	Rate    int     // records a second
	Seconds float64 // of load
	Warm    float64 // whole seconds of it, at the beginning, that are not measured
}

// Load is generator and reader in one process: it sends tweets on a schedule,
// whether or not anything comes back, and reads the output. A latency is the time
// from the moment a record was to be sent to its arrival here, so a generator that
// is late counts against the job; by how much it was late is part of the result.
func Load(ctx context.Context, o Steady) (harness.Latency, error) {
	s := Schedule{Rate: o.Rate, Records: int(o.Seconds * float64(o.Rate))}
	g, err := newGenerator(ctx, Offer{Brokers: o.Brokers, In: o.In, Schedule: s})
	if err != nil {
		return harness.Latency{}, err
	}
	defer g.client.Close()
	type sent struct {
		late *hdrhistogram.Histogram
		err  error
	}
	over := make(chan sent, 1)
	g.Schedule.Begin = time.Now().Add(50 * time.Millisecond)
	go func() {
		late, err := g.send(ctx, seconds(o.Warm))
		over <- sent{late, err}
	}()
	reading, err := Read(ctx, Watch{
		Brokers: o.Brokers, Out: o.Out, Schedule: g.Schedule, From: o.Warm, Until: o.Warm, Patience: stall.Seconds(),
	})
	of := <-over
	switch {
	case err != nil:
		return harness.Latency{}, err
	case of.err != nil:
		return harness.Latency{}, of.err
	case reading.Unique < s.Records:
		return harness.Latency{}, fmt.Errorf("reference: %d of %d records did not arrive within %v", s.Records-reading.Unique, s.Records, stall)
	}
	return harness.Latency{
		P50: reading.P50, P99: reading.P99, P999: reading.P999, Max: reading.Max, Late: millis(of.late.ValueAtQuantile(99)),
	}, nil
}

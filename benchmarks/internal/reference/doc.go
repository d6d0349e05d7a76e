// Package reference is the Kafka job, several times: Avro tweets of a topic are
// decoded, encoded, and written to another topic, at least once. The contenders
// are the topology with every tuple acked, the same topology untracked, and a
// loop written by hand on sarama's consumer group and AsyncProducer.
//
// The invariant: whatever the contender, producer settings, codec and commit
// interval are the same, and the parent checks after every run, with another
// Kafka client, that what was read was written and committed.
//
//	harness.Register("reference", reference.Drain)
//	broker, err := reference.NewBench(ctx, addrs)     // in the parent
//	run, err := harness.Measure(ctx, env, "reference", reference.Spec{...})
//
// Broker, Drain, Start, Mark, Stop and Load are called in child processes. A
// process does one of these jobs.
package reference

import (
	"context"
	"fmt"
	"time"

	"github.com/waterspout/waterspout/benchmarks/internal/harness"
)

// Spec is one run.
type Spec struct {
	Contender string // acked, unacked, handwritten, or handwritten/ and the name of a tuning
	Brokers   []string
	In, Out   string
	Group     string
	Records   uint64 // in the input
	Tasks     Tasks  // of the topology
	Profile   string // path of a CPU profile to write; none if empty
}

// Tasks are the parallelism of the topology's components.
type Tasks struct{ Spouts, Decoders, Encoders, Writers int }

// commitEvery is the default of kafka.Spout.
const commitEvery = 200 * time.Millisecond

// A job is a contender that runs.
type job interface {
	// written is how many records are done: written to the output, and
	// acked at the spout if there is acking.
	written() uint64
	// stop drains: it returns when all that is done is committed.
	stop(ctx context.Context) error
	// failed is closed when the job ended by itself.
	failed() <-chan struct{}
}

func start(ctx context.Context, s Spec) (job, error) {
	switch s.Contender {
	case "acked", "unacked":
		return startTopology(ctx, s)
	}
	t, ok := tunings[s.Contender]
	if !ok {
		return nil, fmt.Errorf("reference: no contender %q", s.Contender)
	}
	return startLoop(ctx, s, t)
}

// warm is the share of the records that is not measured.
const warm = 0.1

// Drain runs a contender until it has done all records, and measures all but the
// first tenth.
func Drain(ctx context.Context, s Spec) (harness.Usage, error) {
	j, err := start(ctx, s)
	if err != nil {
		return harness.Usage{}, err
	}
	usage, err := measure(j, s)
	if stopped := j.stop(ctx); err == nil {
		err = stopped
	}
	return usage, err
}

func measure(j job, s Spec) (harness.Usage, error) {
	from, err := await(j, uint64(warm*float64(s.Records)))
	if err != nil {
		return harness.Usage{}, err
	}
	meter, err := harness.StartMeter(s.Profile)
	if err != nil {
		return harness.Usage{}, err
	}
	to, err := await(j, s.Records)
	if err == nil && from == to {
		err = fmt.Errorf("reference: %d records are too few to measure", s.Records)
	}
	usage, stopped := meter.Stop(to - from)
	if err == nil {
		err = stopped
	}
	return usage, err
}

// stall is how long nothing may be written before a run is given up.
const stall = 30 * time.Second

// Bounds of the time between two looks at a job, which cost it CPU time.
const (
	soonest = 2 * time.Millisecond
	latest  = 100 * time.Millisecond
)

// await looks at the job until n records are done: each time when half of what
// is left should be.
func await(j job, n uint64) (uint64, error) {
	begin, first := time.Now(), j.written()
	last, since := first, begin
	for {
		done := j.written()
		if done >= n {
			return done, nil
		}
		if done > last {
			last, since = done, time.Now()
		}
		if time.Since(since) > stall {
			return done, fmt.Errorf("reference: nothing was written for %v, after %d of %d records", stall, done, n)
		}
		left := soonest
		if done > first {
			left = time.Duration(float64(time.Since(begin)) * float64(n-done) / float64(done-first))
		}
		select {
		case <-time.After(min(max(left/2, soonest), latest)):
		case <-j.failed():
			if done := j.written(); done >= n {
				return done, nil
			}
			return done, fmt.Errorf("reference: the job ended after %d of %d records", j.written(), n)
		}
	}
}

// Package reference is the Kafka job, several times: Avro tweets of a topic are
// decoded, encoded, and written to another topic, at least once. The contenders
// are the topology with every tuple acked, the same topology untracked, micro-batches,
// and loops written by hand: on sarama's consumer group and AsyncProducer, on
// franz-go, and on the client that the engines share, which is sarama's protocol level.
//
// The invariant: whatever the contender, acks, idempotence, compression, codec and
// commit interval are the same (a linger is the client's own), and the parent checks
// after every run, with another Kafka client, that what was read was written and
// committed.
//
//	harness.Register("reference", reference.Drain)
//	broker, err := reference.NewBench(ctx, addrs)     // in the parent
//	run, err := harness.Measure(ctx, env, "reference", reference.Spec{...})
//
// Broker, Drain, Start, Look, Mark, Stop, End, Load, Prepare, Generate and Read are
// called in child processes.
// A process does one of these jobs. With a NATS in the Spec, Start starts a worker
// that shares the job with those of other processes.
package reference

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/waterspout/waterspout/benchmarks/internal/harness"
)

// Spec is one run.
type Spec struct {
	Contender string // acked, unacked, direct, receivers, handwritten, franz or protocol; some have tunings: acked/lz4, handwritten/range
	Brokers   []string
	In, Out   string
	Group     string
	Records   uint64 // in the input
	Tasks     Tasks  // of the topology
	NATS      string // where the workers meet that share the topology; one process does all if empty
	Profile   string // path of a CPU profile to write; none if empty

	Instance string        // makes the topology's spouts static members; dynamic ones if empty
	Pending  int           // most open trees of a spout task; the topology's own if zero
	Interval time.Duration // of the micro-batches; a second if zero
	Poison   uint64        // of every so many tweets one fails the first time it is decoded; none if zero
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
	if _, ok := compressions[s.Contender]; ok {
		return startTopology(ctx, s)
	}
	switch s.Contender {
	case "direct", "receivers":
		return startBatches(ctx, s)
	case "protocol":
		return startProtocol(ctx, s, 1)
	case "protocol/2":
		return startProtocol(ctx, s, 2)
	case "protocol/5":
		return startProtocol(ctx, s, 5)
	}
	if tuning, ok := franzTunings[s.Contender]; ok {
		return startFranz(ctx, s, tuning)
	}
	t, ok := tunings[s.Contender]
	if !ok {
		return nil, fmt.Errorf("reference: no contender %q", s.Contender)
	}
	return startLoop(ctx, s, t)
}

// Warm is the share of the records, from the first on, that is not measured.
const Warm = 0.1

// Drain runs a contender until it has done all records, and measures all but the
// first tenth.
func Drain(ctx context.Context, s Spec) (harness.Usage, error) {
	j, err := start(ctx, s)
	if err != nil {
		return harness.Usage{}, err
	}
	usage, err := measure(j, s)
	return usage, errors.Join(err, j.stop(ctx)) // if the job ended early, stop says why
}

func measure(j job, s Spec) (harness.Usage, error) {
	written := func() (uint64, error) { return j.written(), nil }
	from, err := Await(written, j.failed(), uint64(Warm*float64(s.Records)))
	if err != nil {
		return harness.Usage{}, err
	}
	meter, err := harness.StartMeter(s.Profile)
	if err != nil {
		return harness.Usage{}, err
	}
	to, err := Await(written, j.failed(), s.Records)
	if err == nil && from == to {
		err = fmt.Errorf("reference: %d records are too few to measure", s.Records)
	}
	usage, stopped := meter.Stop(to - from)
	if err == nil {
		err = stopped
	}
	return usage, err
}

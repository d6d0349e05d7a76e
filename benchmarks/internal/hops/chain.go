package hops

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/waterspout/waterspout/benchmarks/internal/harness"
	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/internal/tweets"
	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/topology"
)

// Spec is one run.
type Spec struct {
	Records   int
	Spouts    int // tasks of the spout
	Tasks     int // tasks of each of the three bolts
	Pending   int // bound of open trees per spout task; the default if zero
	Hold      int // of these the last stage keeps so many open; 0 acks at once
	Untracked bool
	Profile   string // path of a CPU profile to write; none if empty
}

// Executed is how many tuples are executed per record.
const Executed = 3

// Run passes a fifth of the records to warm up and then all of them. The count
// it reports is of records.
func Run(ctx context.Context, s Spec) (harness.Usage, error) {
	if err := s.pass(ctx, s.Records/5); err != nil {
		return harness.Usage{}, err
	}
	meter, err := harness.StartMeter(s.Profile)
	if err != nil {
		return harness.Usage{}, err
	}
	err = s.pass(ctx, s.Records)
	usage, stopped := meter.Stop(uint64(s.Records))
	if err == nil {
		err = stopped
	}
	return usage, err
}

// pass runs the chain with n records.
func (s Spec) pass(ctx context.Context, n int) error {
	var arrived atomic.Int64
	topo, err := s.chain(records(n, s.Spouts), func() *last {
		return &last{arrived: &arrived, keep: s.Hold * s.Spouts / s.Tasks}
	})
	if err != nil {
		return err
	}
	if err := cluster.Run(ctx, topo, quiet()); err != nil {
		return err
	}
	if got := int(arrived.Load()); got != n {
		return fmt.Errorf("hops: %d of %d records arrived", got, n)
	}
	return nil
}

// quiet logs what is wrong and nothing else.
func quiet() cluster.Local {
	return cluster.Local{Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))}
}

// chain is the reference job's topology without its work.
func (s Spec) chain(source func() *source, end func() *last) (*topology.Topology, error) {
	opts := []topology.SpoutOption{topology.Parallelism(s.Spouts)}
	if s.Pending > 0 {
		opts = append(opts, topology.MaxPending(s.Pending))
	}
	if s.Untracked {
		opts = append(opts, topology.Untracked())
	}
	b := topology.New("hops")
	read := topology.Spout(b, "read", source, opts...)
	decoded := topology.Bolt(read.By(grouping.Shuffle), "decode", bolt.Of(decode), topology.Parallelism(s.Tasks))
	encoded := topology.Bolt(decoded.By(grouping.Shuffle), "encode", bolt.Of(encode), topology.Parallelism(s.Tasks))
	topology.Bolt(encoded.By(grouping.Shuffle), "write", end, topology.Parallelism(s.Tasks))
	return b.Build()
}

var (
	record = kafka.Record{Topic: "zerg.hydra", Value: make([]byte, 160)}
	tweet  = tweets.Tweet{Username: "zergling1", Text: "gg wp", Timestamp: 1}
)

func decode(_ context.Context, _ kafka.Record, out *bolt.Collector[tweets.Tweet]) error {
	out.Emit(tweet)
	return nil
}

func encode(_ context.Context, _ tweets.Tweet, out *bolt.Collector[kafka.Record]) error {
	out.Emit(record)
	return nil
}

// A source emits its share of n records.
type source struct {
	n, tasks int
	index    int
}

func records(n, tasks int) func() *source {
	return func() *source { return &source{n: n, tasks: tasks} }
}

// Open notes the task's share.
func (s *source) Open(_ context.Context, t spout.Task) error {
	s.index = t.Index
	return nil
}

// Run emits.
func (s *source) Run(_ context.Context, out *spout.Emitter[kafka.Record]) error {
	for i := s.index; i < s.n; i += s.tasks {
		if !out.EmitID(record, uint64(i)) {
			break
		}
	}
	return nil
}

// A last is a task of the last stage. It keeps the latest inputs open, as many
// as it is told to, and lets go of them when the topology drains.
type last struct {
	arrived *atomic.Int64
	n       int64
	keep    int
	held    []bolt.Held
	next    int
}

// Execute acks, or holds and acks the oldest.
func (l *last) Execute(_ context.Context, _ kafka.Record, out *bolt.Collector[bolt.None]) error {
	l.n++
	if l.keep == 0 {
		return nil
	}
	if len(l.held) < l.keep {
		l.held = append(l.held, out.Hold())
		return nil
	}
	l.held[l.next].Ack()
	l.held[l.next] = out.Hold()
	if l.next++; l.next == l.keep {
		l.next = 0
	}
	return nil
}

// Every is longer than a run: what counts is the tick of the drain.
func (l *last) Every() time.Duration { return time.Hour }

// Tick lets go of what is held.
func (l *last) Tick(context.Context, *bolt.Collector[bolt.None]) error {
	for _, h := range l.held {
		h.Ack()
	}
	l.held, l.next = l.held[:0], 0
	return nil
}

// Close reports what arrived.
func (l *last) Close() error {
	l.arrived.Add(l.n)
	return nil
}

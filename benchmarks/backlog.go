package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/waterspout/waterspout/benchmarks/internal/harness"
	"github.com/waterspout/waterspout/benchmarks/internal/reference"
	"github.com/waterspout/waterspout/internal/realkafka"
)

func init() { harness.Register("broker", reference.Broker) }

const apache = "Apache Kafka"

// A backlog is tweets in a Kafka, for contenders to drain.
type backlog struct {
	*options
	brokers  string
	embedded bool
	tasks    reference.Tasks

	bench   *reference.Bench
	kafka   []harness.Process // the broker, if it was started here
	where   string            // in words
	stop    func() error
	in      string
	records uint64
}

// newBacklog is one of a benchmark, with its flags.
func newBacklog(name string, n int) *backlog {
	b := &backlog{options: newOptions(name, n, "records")}
	b.StringVar(&b.brokers, "brokers", "", "host:port,... of a running Kafka; topics named zerg.hydra.* are made and deleted")
	b.BoolVar(&b.embedded, "embedded", false, "use an embedded Kafka also where Java 17 and Maven are, which run Apache Kafka")
	b.IntVar(&b.tasks.Spouts, "spouts", 5, "tasks of the Kafka spout")
	b.IntVar(&b.tasks.Decoders, "decoders", 20, "tasks that decode")
	b.IntVar(&b.tasks.Encoders, "encoders", 20, "tasks that encode")
	b.IntVar(&b.tasks.Writers, "writers", 1, "tasks that write")
	return b
}

// open starts or connects to a Kafka, fills the input, and warms up an Apache Kafka
// with the contenders named.
func (b *backlog) open(ctx context.Context, contenders ...string) error {
	addrs, err := b.broker(ctx)
	if err != nil {
		return err
	}
	if b.bench, err = reference.NewBench(ctx, addrs); err != nil {
		return err
	}
	fmt.Fprintf(b.progress(), "filling the input with %d tweets\n", b.n)
	b.records = uint64(b.n)
	if b.in, err = b.bench.Fill(ctx, b.records); err != nil || b.where != apache {
		return err
	}
	return b.warmUp(ctx, contenders)
}

// Bounds of a warm-up.
const (
	mostWarming = 5   // rounds
	settled     = 0.9 // of the cost of the round before
)

// warmUp has the Kafka serve each contender until a record costs it no less than in the
// round before: a JVM that has just started compiles what it serves on the cores that
// the contenders share with it, and each of them asks for something else.
func (b *backlog) warmUp(ctx context.Context, contenders []string) error {
	before := math.Inf(1)
	for range mostWarming {
		cost := 0.0
		for _, name := range contenders {
			s, err := b.spec(ctx, name)
			if err != nil {
				return err
			}
			run, err := b.drain(ctx, s)
			if err != nil {
				return err
			}
			cost += 1e6 * run.Helpers / float64(run.Count) / float64(len(contenders))
		}
		fmt.Fprintf(b.progress(), "warming up: a million records cost the Kafka %.2f CPU s\n", cost)
		if cost >= settled*before {
			return nil
		}
		before = cost
	}
	return nil
}

// drain has a contender empty the input, and checks what came of it.
func (b *backlog) drain(ctx context.Context, s reference.Spec) (harness.Run, error) {
	run, err := harness.Measure(ctx, b.env(), "drain", s, b.kafka...)
	if err != nil {
		return run, err
	}
	// The broker was watched for all records, the contender for fewer.
	run.Helpers *= float64(run.Count) / float64(s.Records)
	if err := b.bench.Check(ctx, s); err != nil {
		return run, err
	}
	return run, b.bench.Delete(ctx, s.Out)
}

// broker finds or starts the Kafka, and returns its addresses: the one that -brokers
// names, else Apache Kafka itself where it can run, else an embedded one.
func (b *backlog) broker(ctx context.Context) ([]string, error) {
	if b.brokers != "" {
		b.where = "Kafka at " + b.brokers
		return strings.Split(b.brokers, ","), nil
	}
	if !b.embedded && !b.short {
		fmt.Fprintln(b.progress(), "starting Apache Kafka")
		k, err := realkafka.Start(ctx, "")
		if err == nil {
			b.kafka, b.where, b.stop = []harness.Process{k}, apache, k.Close
			return k.Addrs(), nil
		}
		if !errors.Is(err, realkafka.ErrMissing) {
			return nil, err
		}
		fmt.Fprintf(b.progress(), "%v; until then it is an embedded one\n", err)
	}
	child, err := harness.Spawn(ctx)
	if err != nil {
		return nil, err
	}
	b.kafka, b.where, b.stop = []harness.Process{child}, "an embedded Kafka", child.Close
	return harness.Call[[]string](child, "broker", struct{}{})
}

func (b *backlog) close() error {
	var errs []error
	if b.bench != nil {
		errs = append(errs, b.bench.Close())
	}
	if b.stop != nil {
		errs = append(errs, b.stop())
	}
	return errors.Join(errs...)
}

// spec is that of a run with a new output and group.
func (b *backlog) spec(ctx context.Context, contender string) (reference.Spec, error) {
	out, err := b.bench.Topic(ctx, "zerg.hydra.out")
	return reference.Spec{
		Contender: contender, Brokers: b.bench.Addrs, In: b.in, Out: out, Group: out,
		Records: b.records, Tasks: b.tasks,
	}, err
}

// headline prints what was measured.
func (b *backlog) headline(name string) {
	fmt.Printf("%s, backlog of %d tweets in %d partitions on %s; tasks %+v, GOGC %d, medians of %d runs\n",
		name, b.n, 5, b.where, b.tasks, b.gogc, b.runs)
}

// verdict is what is true of runs that Check did not refuse.
const verdict = "missing 0, duplicates 0, commits at the end, in every run"

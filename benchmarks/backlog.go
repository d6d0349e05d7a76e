package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/waterspout/waterspout/benchmarks/internal/harness"
	"github.com/waterspout/waterspout/benchmarks/internal/reference"
)

func init() { harness.Register("broker", reference.Broker) }

// A backlog is tweets in a Kafka, for contenders to drain.
type backlog struct {
	*options
	brokers string
	tasks   reference.Tasks

	bench   *reference.Bench
	embeds  []*harness.Child // the embedded Kafka, if it is one
	in      string
	records uint64
}

// newBacklog is one of a benchmark, with its flags.
func newBacklog(name string, n int) *backlog {
	b := &backlog{options: newOptions(name, n, "records")}
	b.StringVar(&b.brokers, "brokers", "", "host:port,... of a real Kafka instead of an embedded one; topics named zerg.hydra.* are made and deleted")
	b.IntVar(&b.tasks.Spouts, "spouts", 5, "tasks of the Kafka spout")
	b.IntVar(&b.tasks.Decoders, "decoders", 20, "tasks that decode")
	b.IntVar(&b.tasks.Encoders, "encoders", 20, "tasks that encode")
	b.IntVar(&b.tasks.Writers, "writers", 1, "tasks that write")
	return b
}

// open starts or connects to a Kafka and fills the input.
func (b *backlog) open(ctx context.Context) error {
	addrs := strings.Split(b.brokers, ",")
	if b.brokers == "" {
		child, err := harness.Spawn(ctx)
		if err != nil {
			return err
		}
		b.embeds = append(b.embeds, child)
		if addrs, err = harness.Call[[]string](child, "broker", struct{}{}); err != nil {
			return err
		}
	}
	var err error
	if b.bench, err = reference.NewBench(ctx, addrs); err != nil {
		return err
	}
	fmt.Fprintf(b.progress(), "filling the input with %d tweets\n", b.n)
	b.records = uint64(b.n)
	b.in, err = b.bench.Fill(ctx, b.records)
	return err
}

func (b *backlog) close() error {
	var errs []error
	if b.bench != nil {
		errs = append(errs, b.bench.Close())
	}
	for _, c := range b.embeds {
		errs = append(errs, c.Close())
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
	where := "an embedded Kafka"
	if b.brokers != "" {
		where = "Kafka at " + b.brokers
	}
	fmt.Printf("%s, backlog of %d tweets in %d partitions on %s; tasks %+v, GOGC %d, medians of %d runs\n",
		name, b.n, 5, where, b.tasks, b.gogc, b.runs)
}

// verdict is what is true of runs that Check did not refuse.
const verdict = "missing 0, duplicates 0, commits at the end, in every run"

package models

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/waterspout/waterspout/benchmarks/internal/harness"
	"github.com/waterspout/waterspout/benchmarks/internal/reference"
)

// A Bench measures the engines of a lineup on one Kafka.
type Bench struct {
	Results Results

	// Rate is the sustainable rate of all engines, in records a second, if it is
	// to be taken for granted instead of searched for; zero searches.
	Rate int

	kafka    Kafka
	plan     Plan
	lineup   Lineup
	topics   *topics
	progress io.Writer
	failed   int // runs in a row
}

// NewBench connects to a Kafka. A line per run goes to progress.
func NewBench(ctx context.Context, k Kafka, p Plan, l Lineup, progress io.Writer) (*Bench, error) {
	t, err := connect(ctx, k.Addrs)
	if err != nil {
		return nil, err
	}
	if p.Few {
		l = l.few()
	}
	b := &Bench{kafka: k, plan: p, lineup: l, topics: t, progress: progress}
	b.Results = Results{
		Plan: p, Kafka: k.About, Machine: thisMachine(), Commit: commit(ctx), Started: time.Now().UTC(),
		Reference: l.Reference,
	}
	for _, e := range l.Sustain[:min(l.Paired, len(l.Sustain))] {
		b.Results.Paired = append(b.Results.Paired, e.Name)
	}
	return b, nil
}

// Close deletes the topics that are left, and disconnects.
func (b *Bench) Close() error { return b.topics.close() }

// A trial is one engine in one experiment, to be run once a round.
type trial struct {
	experiment string
	at         float64
	engine     Engine
	do         func(ctx context.Context, r *Run) error
}

// interleave runs the trials in turn, so that what changes on the machine
// meanwhile hits all alike; every round begins with another one.
func (b *Bench) interleave(ctx context.Context, rounds int, trials []trial) error {
	for round := range rounds {
		for k := range trials {
			if _, err := b.attempt(ctx, round, trials[(round+k)%len(trials)]); err != nil {
				return err
			}
		}
	}
	return nil
}

// patience is how many runs in a row may fail before nothing more is tried.
const patience = 6

// attempt runs a trial until its run is not void, as often as the plan allows, and
// returns the last run. All runs are kept.
func (b *Bench) attempt(ctx context.Context, round int, t trial) (Run, error) {
	var r Run
	for try := range b.plan.Tries {
		awaitQuiet(ctx, b.plan.Rules.stolen(t.experiment), b.plan.Quiet)
		r = Run{Experiment: t.experiment, Engine: t.engine.Name, At: t.at, Round: round, Try: try}
		err := t.do(ctx, &r)
		if ctx.Err() != nil {
			return r, context.Cause(ctx)
		}
		if err == nil {
			r.Void, b.failed = b.plan.Rules.Judge(r, t.engine.Lossy), 0
		} else {
			r.Void = append(r.Void, "failed: "+err.Error())
			b.failed++
		}
		b.Results.Runs = append(b.Results.Runs, r)
		fmt.Fprintf(b.progress, "%5.0f s  %s\n", time.Since(b.Results.Started).Seconds(), r)
		if b.failed >= patience || err != nil && b.plan.Tries == 1 {
			return r, fmt.Errorf("models: %s, %s: %w", r.Experiment, r.Engine, err)
		}
		if r.OK() {
			break
		}
	}
	return r, nil
}

// job is one with a new output and group. release deletes the topics.
func (b *Bench) job(ctx context.Context, in string, partitions int, scale Scale) (Job, error) {
	out, err := b.topics.create(ctx, "out", partitions)
	return Job{Brokers: b.kafka.Addrs, In: in, Out: out, Group: out, Scale: scale}, err
}

func (b *Bench) meter(p Process, more map[role]int) *meter {
	pids := map[role]int{engine: p.Pid()}
	if b.kafka.Pid > 0 {
		pids[broker] = b.kafka.Pid
	}
	for r, pid := range more {
		pids[r] = pid
	}
	return startMeter(pids)
}

// await waits until a topic has n records.
func (b *Bench) await(ctx context.Context, topic string, n int) (int, error) {
	got, err := reference.Await(func() (uint64, error) {
		end, err := b.topics.end(ctx, topic)
		return uint64(end), err
	}, nil, uint64(n))
	return int(got), err
}

// A backlog is a filled topic.
type backlog struct {
	topic      string
	records    int
	size       int
	partitions int
}

func (b *Bench) backlog(ctx context.Context, records, size, partitions int) (backlog, error) {
	topic, err := b.topics.create(ctx, "backlog", partitions)
	if err != nil {
		return backlog{}, err
	}
	fmt.Fprintf(b.progress, "%5.0f s  a backlog of %d records in %d partitions\n", time.Since(b.Results.Started).Seconds(), records, partitions)
	return backlog{topic, records, size, partitions}, b.topics.fill(ctx, topic, 0, records, size)
}

// drain has an engine empty a backlog.
func (b *Bench) drain(ctx context.Context, r *Run, e Engine, l backlog, scale Scale) (err error) {
	j, err := b.job(ctx, l.topic, l.partitions, scale)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, b.topics.delete(context.WithoutCancel(ctx), j.Out)) }()
	r.Records, r.Size, r.Scale = l.records, l.size, scale
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	begin := time.Now()
	p, err := e.Start(ctx, j)
	if err != nil {
		return err
	}
	if err := b.measureDrain(ctx, r, p, j, begin); err != nil {
		return errors.Join(err, p.Kill())
	}
	if err := p.Stop(); err != nil {
		return err
	}
	return b.count(ctx, r, j)
}

func (b *Bench) measureDrain(ctx context.Context, r *Run, p Process, j Job, begin time.Time) error {
	if _, err := b.await(ctx, j.Out, 1); err != nil {
		return err
	}
	r.Start = time.Since(begin).Seconds()
	from, err := b.await(ctx, j.Out, int(b.plan.Warm*float64(r.Records)))
	if err != nil {
		return err
	}
	m := b.meter(p, nil)
	to, err := b.await(ctx, j.Out, r.Records)
	if err != nil {
		return err
	}
	r.CPU, r.Counted, r.Peak = m.stop(), to-from, harness.ProcessPeak(p.Pid())
	r.Seconds = r.CPU.Seconds
	if r.Counted < 1 {
		return fmt.Errorf("models: %d records are too few to measure", r.Records)
	}
	return nil
}

// count reads the output of a drain.
func (b *Bench) count(ctx context.Context, r *Run, j Job) error {
	child, err := harness.Spawn(ctx)
	if err != nil {
		return err
	}
	reading, err := harness.Call[reference.Reading](child, "models/read", reference.Watch{
		Brokers: j.Brokers, Out: j.Out, Schedule: reference.Schedule{Records: r.Records}, Patience: 2,
	})
	r.Lost, r.Doubled = r.Records-reading.Unique, reading.Doubled
	return errors.Join(err, child.Close())
}

package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/internal/tweets"
	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/kafka/kafkatest"
)

// partitions of the topics that a trial makes.
const partitions = 5

// connectTimeout bounds the search for a Kafka.
const connectTimeout = 10 * time.Second

// errInterrupted is the end of a trial that a signal ended.
var errInterrupted = errors.New("interrupted; the output was not checked")

// A trial fills the input, runs the job, and compares. What it finds out goes to
// the summary as soon as it is known.
type trial struct {
	options  options
	progress *progress
	log      *slog.Logger
	summary  *summary

	broker *kafkatest.Broker
	check  tweets.Check
}

// follow only runs the job, until ctx ends.
func (t *trial) follow(ctx context.Context) error {
	return t.work(ctx, t.options.brokers, kafka.Never)
}

// run is the whole trial.
func (t *trial) run(ctx context.Context) error {
	err := t.prepare(ctx)
	if t.broker != nil {
		defer t.broker.Close()
	}
	if err == nil && t.options.rate == 0 {
		if err = t.fill(ctx); err == nil {
			err = t.work(ctx, t.broker.Addrs(), kafka.AtEnd)
		}
	} else if err == nil {
		err = t.fillAndWork(ctx)
	}
	if ctx.Err() != nil {
		return errInterrupted
	}
	if err != nil {
		return err
	}
	return t.compare(ctx)
}

// prepare finds or starts a Kafka, makes the topics, and notes where they end.
func (t *trial) prepare(ctx context.Context) (err error) {
	o := t.options
	if o.brokers == nil {
		t.broker, err = kafkatest.Run()
	} else {
		within, cancel := context.WithTimeout(ctx, connectTimeout)
		defer cancel()
		t.broker, err = kafkatest.Connect(within, o.brokers...)
	}
	if err != nil {
		return err
	}
	if t.check.In, err = t.input(ctx); err != nil {
		return err
	}
	if t.check.Out, err = t.output(ctx, o.out); err == nil && o.dead != "" {
		t.check.Dead, err = t.output(ctx, o.dead)
	}
	return err
}

// input makes the input topic. The job begins where its group stopped last time.
func (t *trial) input(ctx context.Context) (tweets.Data, error) {
	if err := t.create(ctx, t.options.in); err != nil {
		return tweets.Data{}, err
	}
	from, err := t.committed(ctx)
	return tweets.Data{Topic: t.options.in, From: from}, err
}

// output makes an output topic. What it has already is not the job's.
func (t *trial) output(ctx context.Context, topic string) (tweets.Data, error) {
	if err := t.create(ctx, topic); err != nil {
		return tweets.Data{}, err
	}
	from, err := t.broker.EndOffsets(ctx, topic)
	return tweets.Data{Topic: topic, From: from}, err
}

func (t *trial) create(ctx context.Context, topic string) error {
	err := t.broker.CreateTopic(ctx, fmt.Sprintf("%s:%d", topic, partitions))
	if errors.Is(err, kerr.TopicAlreadyExists) {
		return nil
	}
	return err
}

// committed is how far the group is.
func (t *trial) committed(ctx context.Context) (kafkatest.Offsets, error) {
	of, err := t.broker.Committed(ctx, t.options.group)
	return of[t.options.in], err
}

// fill writes the tweets to the input.
func (t *trial) fill(ctx context.Context) error {
	o := t.options
	var filled atomic.Uint64
	m := meter{"filling " + o.in, o.n, time.Now()}
	defer t.progress.during(func() string { return m.text(filled.Load()) })()
	records := tweets.New(o.seed).Records(0, o.n)
	if o.rate > 0 {
		records = tweets.Paced(ctx, records, o.rate)
	}
	return t.broker.Fill(ctx, o.in, counted(records, &filled))
}

func counted(records iter.Seq[kafka.Record], n *atomic.Uint64) iter.Seq[kafka.Record] {
	return func(yield func(kafka.Record) bool) {
		for r := range records {
			if !yield(r) {
				return
			}
			n.Add(1)
		}
	}
}

// fillAndWork fills while the job runs, and drains the job when its group has
// committed everything.
func (t *trial) fillAndWork(ctx context.Context) error {
	ctx, drain := context.WithCancel(ctx)
	filled := make(chan error, 1)
	go func() {
		defer drain()
		err := t.fill(ctx)
		if err == nil {
			err = t.awaitEnd(ctx)
		}
		filled <- err
	}()
	err := t.work(ctx, t.broker.Addrs(), kafka.Never)
	drain()
	return errors.Join(err, <-filled)
}

// awaitEnd waits until the group has committed what is in the input now.
func (t *trial) awaitEnd(ctx context.Context) error {
	ends, err := t.broker.EndOffsets(ctx, t.options.in)
	if err != nil {
		return err
	}
	for {
		committed, err := t.committed(ctx)
		if err != nil || covers(committed, ends) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func covers(committed, ends kafkatest.Offsets) bool {
	for p, end := range ends {
		if committed[p] < end {
			return false
		}
	}
	return true
}

// work runs the job.
func (t *trial) work(ctx context.Context, brokers []string, stop kafka.Stop) error {
	topo, err := job(t.options, brokers, stop)
	if err != nil {
		return err
	}
	start, cpu := time.Now(), cpuTime()
	running, err := cluster.Start(ctx, topo, cluster.Local{Log: t.log})
	if err != nil {
		return err
	}
	m := meter{what: "running", start: start}
	if !t.options.follow {
		m.total = t.options.n
	}
	end := t.progress.during(func() string { return m.text(running.Stats().Components[0].Acked) })
	err = running.Wait()
	end()
	t.summary.ran(running.Stats(), time.Since(start), cpuTime()-cpu)
	return err
}

// compare asks the oracle.
func (t *trial) compare(ctx context.Context) error {
	var read uint64
	var seen atomic.Uint64
	t.check.Progress = func() { read++; seen.Store(read) }
	m := meter{what: "checking", start: time.Now()}
	end := t.progress.during(func() string { return m.text(seen.Load()) })
	verdict, err := t.check.Run(ctx, t.broker)
	end()
	if err != nil {
		return err
	}
	t.summary.verdict = &verdict
	if !verdict.OK() {
		return errors.New("the output is not the input")
	}
	return nil
}

package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/internal/tweets"
	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/kafka/kafkatest"
)

// errInterrupted is the end of a trial that a signal ended.
var errInterrupted = errors.New("interrupted; the output was not checked")

// A trial fills the input, runs the job, and compares. What it finds out goes to
// the summary as soon as it is known.
type trial struct {
	options  options
	progress *progress
	log      *slog.Logger
	lines    io.Writer // of the log, as JSON
	summary  *summary

	broker  *kafkatest.Broker
	check   tweets.Check
	ends    kafkatest.Offsets // of the input after filling
	commits atomic.Uint64     // records that the group has committed since
	stall   stall
	killer  killer
	kills   chan struct{} // to the crew: one is due
}

func newTrial(o options, p *progress, s *summary) *trial {
	t := &trial{options: o, progress: p, summary: s, killer: killer{every: o.kill}, kills: make(chan struct{})}
	t.log, t.lines = newLog(o, p)
	return t
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
	if err == nil {
		err = t.fillAndWork(ctx)
	}
	if t.options.kill > 0 {
		t.summary.kills = &t.killer.landed
	}
	if ctx.Err() != nil {
		return errInterrupted
	}
	if err != nil {
		return err
	}
	return errors.Join(t.compare(ctx), t.killer.verdict())
}

// work runs the job.
func (t *trial) work(ctx context.Context, brokers []string, stop kafka.Stop) error {
	topo, err := job(t.options, brokers, stop)
	if err != nil {
		return err
	}
	t.introduce(brokers)
	start, cpu := time.Now(), cpuTime()
	running, err := cluster.Start(ctx, topo, t.options.mode(t.log))
	if ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx))) {
		return nil // asked to end before it had begun
	}
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

// introduce logs what is about to run, unless the parent did.
func (t *trial) introduce(brokers []string) {
	if !t.options.child {
		t.log.Info("starting", "in", t.options.in, "out", t.options.out, "group", t.options.group, "brokers", brokers)
	}
}

// compare asks the oracle.
func (t *trial) compare(ctx context.Context) error {
	committed, err := t.committed(ctx)
	if err != nil {
		return err
	}
	t.check.In.To = t.ends
	for p, offset := range committed { // the job may have read what others wrote since
		t.check.In.To[p] = max(t.ends[p], offset)
	}
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
	t.summary.verdict = new(verdict)
	if t.options.kill > 0 {
		verdict.Duplicates = 0 // a kill doubles what was not committed
	}
	if !verdict.OK() {
		return errors.New("the output is not the input")
	}
	return nil
}

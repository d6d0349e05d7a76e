package workers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/waterspout/waterspout/benchmarks/internal/harness"
	"github.com/waterspout/waterspout/benchmarks/internal/reference"
)

// A Job is one way to do the work.
type Job struct {
	Spec      reference.Spec // its NATS is empty if there is one process
	Processes int
	Env       []string          // of the processes
	Kafka     []harness.Process // the broker, if it is known
	NATS      *harness.Child    // runs meanwhile, needed or not
}

// Drain starts the workers, has them empty the input, and ends them.
func (j Job) Drain(ctx context.Context) (run harness.Run, err error) {
	err = j.with(ctx, func(c *crew) (err error) {
		run, err = c.drain()
		return err
	})
	return run, err
}

func (j Job) with(ctx context.Context, do func(*crew) error) error {
	c, err := j.hire(ctx)
	if err != nil {
		return err
	}
	return errors.Join(do(c), c.close())
}

func (c *crew) drain() (run harness.Run, err error) {
	started, err := c.start()
	if err != nil {
		return run, err
	}
	if _, err := c.await(uint64(reference.Warm * float64(c.job.Spec.Records))); err != nil {
		return run, err
	}
	m, err := c.mark()
	if err != nil {
		return run, err
	}
	to, err := c.await(c.job.Spec.Records)
	if err != nil {
		return run, err
	}
	run = m.run(to)
	if run.Count == 0 {
		return run, fmt.Errorf("workers: %d records are too few to measure", c.job.Spec.Records)
	}
	run.Cluster.Start = started.Seconds()
	used, err := c.stop()
	for _, u := range used {
		run.CPU += u.CPU
		run.PeakBytes += u.PeakBytes
	}
	return run, err
}

// A Rest is the share of a core that each worker used, and the server, while
// nothing came in.
type Rest struct {
	Workers []float64
	NATS    float64
}

// settling is how long after the last record a job counts as idle.
const settling = 3 * time.Second

// Rest starts the workers, and measures them for d once they have emptied the
// input, which shows that they work.
func (j Job) Rest(ctx context.Context, d time.Duration) (rest Rest, err error) {
	err = j.with(ctx, func(c *crew) (err error) {
		rest, err = c.rest(ctx, d)
		return err
	})
	return rest, err
}

func (c *crew) rest(ctx context.Context, d time.Duration) (rest Rest, err error) {
	if _, err := c.start(); err != nil {
		return rest, err
	}
	if _, err := c.await(c.job.Spec.Records); err != nil {
		return rest, err
	}
	if err := sleep(ctx, settling); err != nil {
		return rest, err
	}
	m, err := c.mark()
	if err != nil {
		return rest, err
	}
	if err := sleep(ctx, d); err != nil {
		return rest, err
	}
	run := m.run(m.from)
	rest.NATS = run.Cluster.NATS / run.Seconds
	used, err := c.stop()
	for _, u := range used {
		rest.Workers = append(rest.Workers, u.CPU/u.Seconds)
	}
	return rest, err
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

package workers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/waterspout/waterspout/benchmarks/internal/harness"
	"github.com/waterspout/waterspout/benchmarks/internal/reference"
)

// A crew is the worker processes of one run.
type crew struct {
	job   Job
	hands []*harness.Child
}

func (j Job) hire(ctx context.Context) (*crew, error) {
	c := &crew{job: j}
	for range j.Processes {
		child, err := harness.Spawn(ctx, j.Env...)
		if err != nil {
			return nil, errors.Join(err, c.close())
		}
		c.hands = append(c.hands, child)
	}
	return c, nil
}

func (c *crew) close() error {
	var errs []error
	for _, h := range c.hands {
		errs = append(errs, h.Close())
	}
	return errors.Join(errs...)
}

// call has all workers run a function at the same time.
func call[R any](c *crew, name string, arg func(worker int) any) ([]R, error) {
	results, errs := make([]R, len(c.hands)), make([]error, len(c.hands))
	var group sync.WaitGroup
	for i, h := range c.hands {
		group.Go(func() {
			if results[i], errs[i] = harness.Call[R](h, name, arg(i)); errs[i] != nil {
				errs[i] = fmt.Errorf("worker %d: %w", i+1, errs[i])
			}
		})
	}
	group.Wait()
	return results, errors.Join(errs...)
}

func nothing(int) any { return struct{}{} }

// start starts the job, and returns how long it took to do the first record.
func (c *crew) start() (time.Duration, error) {
	begin := time.Now()
	if _, err := call[struct{}](c, "worker.start", func(int) any { return c.job.Spec }); err != nil {
		return 0, err
	}
	_, err := c.await(1)
	return time.Since(begin), err
}

// look is how far the job is.
func (c *crew) look() (reference.Progress, error) {
	return sum(call[reference.Progress](c, "worker.look", nothing))
}

func sum(each []reference.Progress, err error) (all reference.Progress, _ error) {
	for _, p := range each {
		all.Written += p.Written
		all.Executed += p.Executed
		all.Abroad += p.Abroad
	}
	return all, err
}

// await waits until n records are done.
func (c *crew) await(n uint64) (last reference.Progress, err error) {
	_, err = reference.Await(func() (uint64, error) {
		var err error
		last, err = c.look()
		return last.Written, err
	}, nil, n)
	return last, err
}

// stop ends the job, and returns what each worker used since the mark.
func (c *crew) stop() ([]harness.Usage, error) {
	return call[harness.Usage](c, "worker.stop", nothing)
}

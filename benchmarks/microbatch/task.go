package microbatch

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"
)

// A Task is one attempt at one partition of a data set: Spark's TaskContext. It
// belongs to the goroutine that it runs on.
type Task struct {
	Batch     time.Time
	Partition int // of the data set, from 0
	Attempt   int // 0 is the first

	ctx context.Context
	err error
}

// Context ends when the task is not needed any more.
func (t *Task) Context() context.Context { return t.ctx }

// Fail makes the task fail with err. The sequence that a stage draws from ends then,
// so a function given to ForeachPartition may return as if that were all.
func (t *Task) Fail(err error) { t.err = cmp.Or(t.err, err) }

// Err is why the task's records ended early, or nil.
func (t *Task) Err() error { return cmp.Or(t.err, context.Cause(t.ctx)) }

// run is one attempt.
func (t *Task) run(work func(*Task) error) error {
	err := contain(func() error { return work(t) })
	return cmp.Or(t.err, err, context.Cause(t.ctx))
}

// contain turns a panic of the user's function into its error.
func contain(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return f()
}

// runTasks runs n tasks in parallel, and waits for all. The first that fails for
// good interrupts the others.
func (b *batch) runTasks(n int, work func(*Task) error) error {
	ctx, cancel := context.WithCancelCause(b.ssc.ctx)
	defer cancel(nil)
	slots := make(chan struct{}, max(1, cmp.Or(b.ssc.conf.Slots, n)))
	var tasks sync.WaitGroup
	for i := range n {
		tasks.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if err := b.tryTask(ctx, i, work); err != nil {
				cancel(err)
			}
		})
	}
	tasks.Wait()
	return context.Cause(ctx)
}

// tryTask runs a task until an attempt succeeds.
func (b *batch) tryTask(ctx context.Context, partition int, work func(*Task) error) error {
	for attempt := 0; ; attempt++ {
		t := &Task{Batch: b.at, Partition: partition, Attempt: attempt, ctx: ctx}
		err := t.run(work)
		switch {
		case err == nil || ctx.Err() != nil:
			return err
		case attempt+1 >= b.ssc.conf.MaxFailures:
			return fmt.Errorf("task of partition %d failed %d times: %w", partition, attempt+1, err)
		}
		b.ssc.conf.Log.Debug("microbatch: a task failed and is run again", "batch", b.at, "partition", partition, "attempt", attempt, "err", err)
	}
}

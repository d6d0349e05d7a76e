package microbatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Conf is what does not depend on the job. The zero Conf is Spark's defaults.
type Conf struct {
	BlockInterval time.Duration // between two blocks of a receiver; 200 ms if 0
	Slots         int           // tasks that run at once; as many as a stage has if 0
	MaxFailures   int           // how often a task may fail before its batch does; 4 if 0
	Log           *slog.Logger  // slog.Default if nil
}

// A StreamingContext makes batches of its input streams, and runs the output
// operations on them. Set it up, Start it once, and Stop it.
type StreamingContext struct {
	conf     Conf
	interval time.Duration
	inputs   []input
	outputs  []func(*batch) error

	accumulators []*Accumulator

	ctx      context.Context
	cancel   context.CancelCauseFunc
	queue    *jobQueue
	stopping chan struct{} // closed to end after what has been received
	stop     sync.Once
	done     chan struct{} // closed when all has ended; nil before Start
	err      error         // set before done is closed

	completed atomic.Uint64
}

// An input is where the records of a stream come from.
type input interface {
	start(ctx context.Context) error
	// allocate gives b what was received until now. It does not block.
	allocate(b *batch)
	// plan says what b has to read, just before it runs.
	plan(b *batch) error
	// finish follows plan, when the output operations of b have ended; err is
	// nil if all of them did what they should.
	finish(b *batch, err error)
	// stop waits until nothing more is received. What was received stays.
	stop()
	close() error
	// waiting is how many records are received and not finished.
	waiting() int
}

// NewStreamingContext makes a context that makes a batch every interval.
func NewStreamingContext(conf Conf, interval time.Duration) *StreamingContext {
	conf.BlockInterval = cmp.Or(conf.BlockInterval, 200*time.Millisecond)
	conf.MaxFailures = cmp.Or(conf.MaxFailures, 4)
	conf.Log = cmp.Or(conf.Log, slog.Default())
	return &StreamingContext{conf: conf, interval: interval, queue: newJobQueue(), stopping: make(chan struct{})}
}

// errStopped is the cause of a stop at once.
var errStopped = errors.New("microbatch: the context was stopped")

// Start connects the input streams, and begins. The end of ctx stops the context at
// once.
func (ssc *StreamingContext) Start(ctx context.Context) error {
	switch {
	case ssc.interval <= 0 || ssc.conf.BlockInterval < 0:
		return fmt.Errorf("microbatch: batch interval %v, block interval %v: set them above 0", ssc.interval, ssc.conf.BlockInterval)
	case len(ssc.outputs) == 0:
		return errors.New("microbatch: no output operation is registered, so there is nothing to do; call ForeachRDD")
	}
	ssc.ctx, ssc.cancel = context.WithCancelCause(ctx)
	for i, in := range ssc.inputs {
		if err := in.start(ssc.ctx); err != nil {
			ssc.cancel(err)
			return errors.Join(err, closeInputs(ssc.inputs[:i]))
		}
	}
	ssc.done = make(chan struct{})
	go ssc.run()
	return nil
}

func closeInputs(inputs []input) error {
	var err error
	for _, in := range inputs {
		err = errors.Join(err, in.close())
	}
	return err
}

// run owns all that the context started.
func (ssc *StreamingContext) run() {
	defer close(ssc.done)
	var generator sync.WaitGroup
	generator.Go(ssc.generate)
	err := ssc.runJobs()
	ssc.cancel(cmp.Or(err, errStopped))
	generator.Wait()
	ssc.err = errors.Join(err, closeInputs(ssc.inputs))
}

// generate makes a batch at each interval, and a last one of what is left when the
// context is stopped gracefully.
func (ssc *StreamingContext) generate() {
	defer ssc.queue.close()
	ticker := time.NewTicker(ssc.interval)
	defer ticker.Stop()
	for {
		select {
		case at := <-ticker.C:
			ssc.queue.push(ssc.newBatch(at))
		case <-ssc.stopping:
			for _, in := range ssc.inputs {
				in.stop()
			}
			ssc.queue.push(ssc.newBatch(time.Now()))
			return
		case <-ssc.ctx.Done():
			return
		}
	}
}

// runJobs runs the batches in order, until there will be no more.
func (ssc *StreamingContext) runJobs() error {
	for {
		b, ok := ssc.queue.pop()
		if !ok || ssc.ctx.Err() != nil {
			return nil
		}
		if err := b.run(); ssc.ctx.Err() != nil {
			return nil
		} else if err != nil {
			return fmt.Errorf("microbatch: batch of %s: %w", b.at.Format(time.RFC3339Nano), err)
		}
		ssc.completed.Add(1)
	}
}

// AwaitTermination waits until the context has ended, and returns why if that was
// an error. When ctx ends first, it returns ctx's error and the context goes on.
func (ssc *StreamingContext) AwaitTermination(ctx context.Context) error {
	select {
	case <-ssc.done:
		return ssc.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Done is closed when the context has ended. Call it after Start.
func (ssc *StreamingContext) Done() <-chan struct{} { return ssc.done }

// Stop ends the context and waits for that; it returns what AwaitTermination does.
// Gracefully, all that has been received is processed first; when ctx ends
// meanwhile, and otherwise, tasks are interrupted, their batches not committed.
func (ssc *StreamingContext) Stop(ctx context.Context, gracefully bool) error {
	if ssc.done == nil {
		return nil
	}
	if gracefully {
		ssc.stop.Do(func() { close(ssc.stopping) })
	} else {
		ssc.cancel(errStopped)
	}
	select {
	case <-ssc.done:
		return ssc.err
	case <-ctx.Done():
		ssc.cancel(errStopped)
		<-ssc.done
		return errors.Join(fmt.Errorf("microbatch: not all was processed: %w", context.Cause(ctx)), ssc.err)
	}
}

// A Status is how far a context is.
type Status struct {
	Completed uint64 // batches
	Queued    int    // batches that wait for the one that runs
	Waiting   int    // records in the memory of receivers, those of batches that run too
}

// Status is the status of now. Any goroutine may ask.
func (ssc *StreamingContext) Status() Status {
	s := Status{Completed: ssc.completed.Load(), Queued: ssc.queue.len()}
	for _, in := range ssc.inputs {
		s.Waiting += in.waiting()
	}
	return s
}

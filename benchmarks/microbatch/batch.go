package microbatch

import (
	"sync"
	"time"
)

// A batch is what is done for one tick of the clock: in Spark's words, a job set.
type batch struct {
	ssc *StreamingContext
	at  time.Time
}

// newBatch makes a batch of all that was received until now.
func (ssc *StreamingContext) newBatch(at time.Time) *batch {
	b := &batch{ssc: ssc, at: at}
	for _, in := range ssc.inputs {
		in.allocate(b)
	}
	return b
}

// run does the output operations, and tells the inputs how they ended.
func (b *batch) run() (err error) {
	planned := 0
	defer func() {
		for _, in := range b.ssc.inputs[:planned] {
			in.finish(b, err)
		}
	}()
	for _, in := range b.ssc.inputs {
		if err = in.plan(b); err != nil {
			return err
		}
		planned++
	}
	for _, output := range b.ssc.outputs {
		if err = contain(func() error { return output(b) }); err != nil {
			return err
		}
	}
	return b.ssc.ctx.Err()
}

// A jobQueue has the batches that wait. It has no bound, as in Spark: an engine that
// is behind for good fills its memory.
type jobQueue struct {
	mu      sync.Mutex
	changed *sync.Cond
	batches []*batch
	closed  bool
}

func newJobQueue() *jobQueue {
	q := new(jobQueue)
	q.changed = sync.NewCond(&q.mu)
	return q
}

func (q *jobQueue) push(b *batch) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.batches = append(q.batches, b)
	q.changed.Signal()
}

// pop waits for a batch; false is that there will be no more.
func (q *jobQueue) pop() (*batch, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.batches) == 0 && !q.closed {
		q.changed.Wait()
	}
	if len(q.batches) == 0 {
		return nil, false
	}
	b := q.batches[0]
	q.batches[0] = nil
	q.batches = q.batches[1:]
	return b, true
}

func (q *jobQueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.changed.Signal()
}

func (q *jobQueue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.batches)
}

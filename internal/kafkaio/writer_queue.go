package kafkaio

import (
	"sync"
	"time"
)

// filling is the batch that the next record of p goes to. w.mu is held.
func (w *Writer[T]) filling(p *partition[T], bytes int) *batch[T] {
	last := len(p.queue) - 1
	if last < 0 || p.queue[last].full || p.queue[last].bytes+bytes > w.conf.Producer.MaxMessageBytes {
		if last < 0 && p.home == nil {
			w.lookout = append(w.lookout, p)
			notify(w.seek)
		}
		p.queue = append(p.queue, w.pool.get())
		last++
	}
	return p.queue[last]
}

// An ended is a batch that is done, until its records are reported.
type ended[T any] struct {
	batch  *batch[T]
	number int32 // of the partition
	offset int64 // of the first record, or -1
	err    error
}

// end takes the first batch off the queue of p, and adds it to the done ones. w.mu
// is held.
func (w *Writer[T]) end(p *partition[T], offset int64, err error, done []ended[T]) []ended[T] {
	b := p.pop()
	if w.queued >= bufferBytes && w.queued-b.bytes < bufferBytes {
		notify(w.space)
	}
	w.queued -= b.bytes
	return append(done, ended[T]{b, p.number, offset, err})
}

// tryLater puts a partition without a home on the lookout. After too many tries
// it fails all that the partition has, which an outage takes together, but for a
// batch that may have been written: that one is sent again until it has an answer
// or the Writer closes (rule W2), and what waits behind it fails each time that
// it was tried so often. Batches that fail are added to the done ones. w.mu is held.
func (w *Writer[T]) tryLater(p *partition[T], err error, done []ended[T]) []ended[T] {
	first, tries := p.queue[0], max(w.conf.Producer.Retry.Max, 0)+1
	first.tries++
	switch {
	case w.closing == nil && first.tries%tries > 0:
	case w.closing == nil && p.doubt:
		done = w.failBehind(p, err, done)
	default:
		if first.sequence >= 0 {
			p.lost()
		}
		for len(p.queue) > 0 {
			done = w.end(p, -1, outcome(p.topic, err), done)
		}
		return done
	}
	p.told, p.due = err, time.Now().Add(w.pause(min(first.tries, max(tries-1, 1))))
	w.lookout = append(w.lookout, p)
	notify(w.seek)
	return done
}

// failBehind fails all but the first batch of p, whose answer is out. w.mu is held.
func (w *Writer[T]) failBehind(p *partition[T], err error, done []ended[T]) []ended[T] {
	first := p.queue[:1:1]
	for p.queue = p.queue[1:]; len(p.queue) > 0; {
		done = w.end(p, -1, outcome(p.topic, err), done)
	}
	p.queue, p.doubt = first, true
	return done
}

func (w *Writer[T]) pause(tries int) time.Duration {
	if f := w.conf.Producer.Retry.BackoffFunc; f != nil {
		return f(tries, w.conf.Producer.Retry.Max)
	}
	return w.conf.Producer.Retry.Backoff
}

// failAll fails all that partitions have, when the Writer closes.
func (w *Writer[T]) failAll(partitions []*partition[T]) {
	var failed []ended[T]
	w.mu.Lock()
	for _, p := range partitions {
		for len(p.queue) > 0 {
			failed = w.end(p, -1, outcome(p.topic, w.closing), failed)
		}
	}
	w.mu.Unlock()
	w.report(failed)
}

// report hands out the outcomes of batches and drops them. It is not called with
// w.mu held.
func (w *Writer[T]) report(done []ended[T]) {
	for _, e := range done {
		w.tell(Result[T]{Tokens: e.batch.tokens, Partition: e.number, Offset: e.offset, Err: e.err})
		w.pool.put(e.batch)
	}
}

// tell calls the user of the Writer. It is not called with w.mu held.
func (w *Writer[T]) tell(r Result[T]) {
	w.deliver.Lock()
	w.results(r)
	w.deliver.Unlock()
	if w.open.Add(-int64(len(r.Tokens))) == 0 {
		notify(w.idle)
	}
}

// A pool keeps the memory of batches. The zero value is ready for use, from any
// goroutine.
type pool[T any] struct{ batches sync.Pool }

func (s *pool[T]) get() *batch[T] {
	if b, ok := s.batches.Get().(*batch[T]); ok {
		return b
	}
	return &batch[T]{sequence: -1}
}

func (s *pool[T]) put(b *batch[T]) {
	b.reset()
	s.batches.Put(b)
}

package kafkaio

import (
	"sync"
	"time"
)

// enqueue adds a part to its partition's queue. w.mu is held.
func (w *Writer[T]) enqueue(c *part[T]) {
	p := c.to
	last := len(p.queue) - 1
	if last < 0 || p.queue[last].full || p.queue[last].bytes+c.bytes > w.conf.Producer.MaxMessageBytes {
		p.queue = append(p.queue, w.pools.batch())
		last++
	}
	first := last == 0 && p.queue[0].count == 0
	p.queue[last].add(c)
	w.queued += c.bytes
	switch {
	case p.home != nil:
		notify(p.home.wake)
	case first:
		w.lookout = append(w.lookout, p)
		notify(w.seek)
	}
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

// tryLater puts a partition without a home on the lookout, or fails all it has
// after too many tries: those batches are added to the done ones. w.mu is held.
func (w *Writer[T]) tryLater(p *partition[T], err error, done []ended[T]) []ended[T] {
	first := p.queue[0]
	first.tries++
	if first.tries > w.conf.Producer.Retry.Max || w.closing != nil {
		if first.sequence >= 0 {
			p.lost()
		}
		for len(p.queue) > 0 {
			done = w.end(p, -1, outcome(p.topic, err), done)
		}
		return done
	}
	p.told, p.due = err, time.Now().Add(w.pause(first.tries))
	w.lookout = append(w.lookout, p)
	notify(w.seek)
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
		offset := e.offset
		for _, c := range e.batch.parts {
			w.tell(Result[T]{Tokens: c.tokens, Partition: e.number, Offset: offset, Err: e.err})
			if offset >= 0 {
				offset += int64(len(c.tokens))
			}
			w.pools.putPart(c)
		}
		w.pools.putBatch(e.batch)
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

// pools keep the memory of parts and batches. The zero value is ready for use, from
// any goroutine.
type pools[T any] struct{ parts, batches sync.Pool }

func (s *pools[T]) part() *part[T] {
	if c, ok := s.parts.Get().(*part[T]); ok {
		return c
	}
	return &part[T]{}
}

func (s *pools[T]) putPart(c *part[T]) {
	c.reset()
	s.parts.Put(c)
}

func (s *pools[T]) batch() *batch[T] {
	if b, ok := s.batches.Get().(*batch[T]); ok {
		return b
	}
	return &batch[T]{sequence: -1}
}

func (s *pools[T]) putBatch(b *batch[T]) {
	b.reset()
	s.batches.Put(b)
}

package kafkaio

import "time"

// enqueue adds a record to its partition's queue. w.mu is held.
func (w *Writer[T]) enqueue(it *item[T], now time.Time) {
	p, at, bytes := it.to, it.record.Time, size(&it.record)
	if at.IsZero() {
		at = now
	}
	last := len(p.queue) - 1
	if last < 0 || last == 0 && p.sending || p.queue[last].sealed() || p.queue[last].bytes+bytes > w.conf.Producer.MaxMessageBytes {
		p.queue = append(p.queue, w.pool.Get().(*batch[T]))
		last++
	}
	p.queue[last].add(&it.record, at.Truncate(time.Millisecond), it.token, bytes)
	w.queued += bytes
	switch {
	case p.home != nil:
		notify(p.home.wake)
	case last == 0 && len(p.queue[0].records) == 1:
		w.lookout = append(w.lookout, p)
		notify(w.seek)
	}
}

// release returns a settled batch to the pool. w.mu is held.
func (w *Writer[T]) release(b *batch[T]) {
	if w.queued >= bufferBytes && w.queued-b.bytes < bufferBytes {
		notify(w.space)
	}
	w.queued -= b.bytes
	b.reset()
	w.pool.Put(b)
}

// tryLater puts a partition without a home on the lookout, or fails all it has
// after too many tries. It returns results with what failed. w.mu is held.
func (w *Writer[T]) tryLater(p *partition[T], err error, results []Result[T]) []Result[T] {
	first := p.queue[0]
	first.tries++
	if first.tries > w.conf.Producer.Retry.Max || w.closing != nil {
		if first.sequence >= 0 {
			p.lost()
		}
		for len(p.queue) > 0 {
			results = w.failFirst(p, outcome(p.topic, err), results)
		}
		return results
	}
	p.told, p.due = err, time.Now().Add(w.pause(first.tries))
	w.lookout = append(w.lookout, p)
	notify(w.seek)
	return results
}

func (w *Writer[T]) pause(tries int) time.Duration {
	if f := w.conf.Producer.Retry.BackoffFunc; f != nil {
		return f(tries, w.conf.Producer.Retry.Max)
	}
	return w.conf.Producer.Retry.Backoff
}

// failFirst fails the first batch of p with err. w.mu is held.
func (w *Writer[T]) failFirst(p *partition[T], err error, results []Result[T]) []Result[T] {
	b := p.pop()
	for _, token := range b.tokens {
		results = append(results, Result[T]{Token: token, Partition: p.number, Offset: -1, Err: err})
	}
	w.release(b)
	return results
}

// failAll fails all that partitions have, when the Writer closes.
func (w *Writer[T]) failAll(partitions []*partition[T]) {
	var results []Result[T]
	w.mu.Lock()
	for _, p := range partitions {
		for len(p.queue) > 0 {
			results = w.failFirst(p, outcome(p.topic, w.closing), results)
		}
	}
	w.mu.Unlock()
	w.report(results)
}

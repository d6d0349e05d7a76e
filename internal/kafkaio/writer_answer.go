package kafkaio

import (
	"slices"
	"time"

	"github.com/IBM/sarama"
)

// answer deals with what the broker said of the batch in flight of p. w.mu is
// held; results are collected in l.results.
func (l *link[T]) answer(p *partition[T], response *sarama.ProduceResponse, err error) {
	offset := int64(-1)
	if err == nil {
		if block := response.GetBlock(p.topic, p.number); block == nil {
			err = sarama.ErrIncompleteResponse
		} else if block.Err != sarama.ErrNoError {
			err = block.Err
		} else {
			offset = block.Offset
		}
	}
	switch verdict := judge(err); verdict {
	case written:
		b := p.pop()
		for i, token := range b.tokens {
			l.results = append(l.results, Result[T]{Token: token, Partition: p.number, Offset: at(offset, i)})
		}
		l.w.release(b)
	case refusedBatch:
		p.refused()
		if len(p.queue[0].records) > 1 {
			p.halve(l.w.pool.Get().(*batch[T]))
			notify(l.wake)
			return
		}
		l.results = l.w.failFirst(p, outcome(p.topic, err), l.results)
	case refusedAll:
		p.refused()
		l.results = l.w.failFirst(p, outcome(p.topic, err), l.results)
	default:
		l.retry(p, verdict, err)
	}
}

// at is the offset of the ith record after the first, if that is known.
func at(first int64, i int) int64 {
	if first < 0 {
		return -1
	}
	return first + int64(i)
}

// retry sends the partition to look for its leader, or, if its first batch was
// sent too often, fails all it has: an outage takes them all.
func (l *link[T]) retry(p *partition[T], v verdict, err error) {
	l.homed = slices.DeleteFunc(l.homed, func(q *partition[T]) bool { return q == p })
	p.home, p.sending = nil, false
	if v == disowned {
		p.lost()
	}
	l.results = l.w.tryLater(p, err, l.results)
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

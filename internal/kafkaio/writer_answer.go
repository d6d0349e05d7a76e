package kafkaio

import (
	"slices"

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

package kafkaio

import (
	"slices"

	"github.com/IBM/sarama"
)

// answer deals with what the broker said of the batch in flight of p. w.mu is
// held; batches that are done are collected in l.ended.
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
		l.ended = l.w.end(p, offset, nil, l.ended)
	case refusedBatch:
		p.refused()
		if p.queue[0].count() > 1 {
			l.w.pool.put(p.halve(l.w.pool.get(), l.w.pool.get()))
			notify(l.wake)
			return
		}
		l.ended = l.w.end(p, -1, outcome(p.topic, err), l.ended)
	case refusedAll:
		p.refused()
		l.ended = l.w.end(p, -1, outcome(p.topic, err), l.ended)
	default:
		l.retry(p, verdict, err)
	}
}

// retry sends the partition to look for its leader, or, if its first batch was
// sent too often, fails all it has: an outage takes them all.
func (l *link[T]) retry(p *partition[T], v verdict, err error) {
	l.homed = slices.DeleteFunc(l.homed, func(q *partition[T]) bool { return q == p })
	p.home, p.sending = nil, false
	if v == disowned {
		p.lost()
	}
	l.ended = l.w.tryLater(p, err, l.ended)
}

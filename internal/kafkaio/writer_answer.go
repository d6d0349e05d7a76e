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
			l.goOn(p)
			return
		}
		l.ended = l.w.end(p, -1, outcome(p.topic, err), l.ended)
		l.goOn(p)
	case refusedAll:
		p.refused()
		l.ended = l.w.end(p, -1, outcome(p.topic, err), l.ended)
		l.goOn(p)
	default:
		l.retry(p, verdict, err)
	}
}

// goOn sends the partition's next batch, or first to look for a new identity.
func (l *link[T]) goOn(p *partition[T]) {
	switch {
	case !p.spoiled:
		notify(l.wake)
	case len(p.queue) > 0:
		l.dismiss(p)
		l.w.lookout = append(l.w.lookout, p)
		notify(l.w.seek)
	default: // what comes next sends it there
		l.dismiss(p)
	}
}

// retry sends the partition to look for its leader, or fails what it has.
func (l *link[T]) retry(p *partition[T], v verdict, err error) {
	l.dismiss(p)
	if v == disowned {
		p.lost()
	} else if !unwritten(err) {
		p.doubt = true
	}
	l.ended = l.w.tryLater(p, err, l.ended)
}

// dismiss takes a partition off the link.
func (l *link[T]) dismiss(p *partition[T]) {
	l.homed = slices.DeleteFunc(l.homed, func(q *partition[T]) bool { return q == p })
	p.home, p.sending = nil, false
}

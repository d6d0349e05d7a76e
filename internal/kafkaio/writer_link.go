package kafkaio

import (
	"cmp"
	"errors"

	"github.com/IBM/sarama"
)

// produceVersion is the newest version of the produce request that sarama
// encodes in one pass. Older brokers get theirs.
const produceVersion = 8

// maxRequest bounds a request over many partitions; one batch always fits.
const maxRequest = 16 << 20

// A link sends to one broker, on a goroutine of its own: all partitions that it
// leads and that have something, in one request; then their next batches.
type link[T any] struct {
	w      *Writer[T]
	broker *sarama.Broker
	pack   *compression
	homed  []*partition[T] // the partitions that it leads; guarded by w.mu
	wake   chan struct{}   // gets a token when one of them got something to send, and with former
	former bool            // another link has its place, and gets its partitions; guarded by w.mu
	sent   []sent[T]       // the request under way
	ended  []ended[T]
}

// A sent is a batch in flight.
type sent[T any] struct {
	of    *partition[T]
	batch *batch[T]
}

// run sends until the Writer closes, and then fails what is left. A former link ends
// when it has no partition any more.
func (l *link[T]) run() {
	for {
		select {
		case <-l.wake:
		case <-l.w.stop:
			l.w.failAll(l.leave())
			return
		}
		for l.collect() {
			l.exchange()
		}
		if l.over() {
			return
		}
	}
}

// over reports whether the link will have nothing to send any more.
func (l *link[T]) over() bool {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	return l.former && len(l.homed) == 0
}

// collect chooses what to send now, and reports whether there is anything.
func (l *link[T]) collect() bool {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	l.sent = l.sent[:0]
	if l.w.closing != nil {
		return false
	}
	bytes := 0
	for _, p := range l.homed {
		if !p.ready() || bytes > 0 && bytes+p.queue[0].bytes > maxRequest {
			continue
		}
		b := p.take()
		bytes += b.bytes
		l.sent = append(l.sent, sent[T]{p, b})
	}
	// The next request begins with another partition, should they not all
	// fit into one.
	if n := len(l.homed); n > 1 {
		first := l.homed[0]
		copy(l.homed, l.homed[1:])
		l.homed[n-1] = first
	}
	return len(l.sent) > 0
}

// exchange sends a request and deals with its answer.
func (l *link[T]) exchange() {
	conf := l.w.conf
	request := &sarama.ProduceRequest{
		RequiredAcks: sarama.WaitForAll, Timeout: int32(conf.Producer.Timeout.Milliseconds()), Version: produceVersion,
	}
	for _, s := range l.sent {
		request.AddBatch(s.of.topic, s.of.number, s.batch.seal(conf, l.pack, s.of.id))
	}
	response, err := l.produce(request)
	l.ended = l.ended[:0]
	l.w.mu.Lock()
	for _, s := range l.sent {
		l.answer(s.of, response, err)
	}
	l.w.mu.Unlock()
	l.w.report(l.ended)
	clear(l.ended)
}

// produce tells what never left from what may have arrived. After an error of the
// connection it is closed, so that the next look-up of the leader opens another: sarama
// does so for some errors, but keeps one whose read timed out, and repeats that error to
// whoever asks over it.
func (l *link[T]) produce(request *sarama.ProduceRequest) (*sarama.ProduceResponse, error) {
	if connected, err := l.broker.Connected(); !connected {
		return nil, unsentError{cmp.Or(err, error(sarama.ErrNotConnected))}
	}
	response, err := l.broker.Produce(request)
	if _, said := errors.AsType[sarama.KError](err); err != nil && !said && !unwritten(err) {
		_ = l.broker.Close() // sarama opens it again at the next request
	}
	return response, err
}

// leave gives up all of the link's partitions.
func (l *link[T]) leave() []*partition[T] {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	homed := l.homed
	l.homed = nil
	return homed
}

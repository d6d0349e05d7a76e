package microbatch

import (
	"cmp"
	"context"
	"sync"
	"sync/atomic"

	"github.com/waterspout/waterspout/internal/kafkaio"
)

// A Producer writes values to a topic. Its methods belong to one goroutine at a
// time.
type Producer struct {
	writer    *kafkaio.Writer[struct{}]
	record    kafkaio.Record
	confirmed *atomic.Uint64

	mu  sync.Mutex
	err error // the first since the last Flush
}

// NewProducerPool makes a pool of producers to a topic. Each record that the broker
// has confirmed is counted in confirmed, unless that is nil. ctx bounds the making
// of a producer only.
func NewProducerPool(brokers []string, topic string, confirmed *atomic.Uint64) *Pool[*Producer] {
	if confirmed == nil {
		confirmed = new(atomic.Uint64)
	}
	return NewPool(func(ctx context.Context) (*Producer, error) {
		p := &Producer{record: kafkaio.Record{Topic: topic}, confirmed: confirmed}
		var err error
		p.writer, err = kafkaio.NewWriter(ctx, kafkaio.WriterOptions{Brokers: brokers, Topics: []string{topic}}, p.results)
		return p, err
	}, func(ctx context.Context, p *Producer) error { return p.writer.Close(ctx) })
}

// Send takes a value, which must stay as it is until Flush has returned. It blocks
// while too many bytes are on their way.
func (p *Producer) Send(ctx context.Context, value []byte) error {
	p.record.Value = value
	return p.writer.Write(ctx, &p.record, struct{}{})
}

// Flush waits until the broker has answered for all that was sent, and returns the
// first error since the last Flush.
func (p *Producer) Flush(ctx context.Context) error {
	if err := p.writer.Flush(ctx); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	err := p.err
	p.err = nil
	return err
}

// results is called by the writer.
func (p *Producer) results(r kafkaio.Result[struct{}]) {
	if r.Err == nil {
		p.confirmed.Add(uint64(len(r.Tokens)))
		return
	}
	p.mu.Lock()
	p.err = cmp.Or(p.err, r.Err)
	p.mu.Unlock()
}

package reference

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"github.com/rcrowley/go-metrics"

	"github.com/waterspout/waterspout/internal/tweets"
)

// A loop is what one would write by hand for the job: a consumer group, a
// goroutine per partition that decodes and encodes, an AsyncProducer, and a
// commit of what the broker acked. A record is written to the partition that it
// was read from, so that the acks of a partition come in the order of its
// records, and the latest acked offset has nothing open below it. An error of
// the producer ends the loop; after a restart it goes on from the commit.
type loop struct {
	spec  Spec
	group sarama.ConsumerGroup
	out   []sarama.AsyncProducer
	parts []*part // by partition
	pool  sync.Pool

	ctx    context.Context
	cancel context.CancelCauseFunc
	ended  chan struct{}
	all    sync.WaitGroup
}

// A part is the progress of one partition.
type part struct {
	sent  atomic.Int64
	acked atomic.Int64  // records
	next  atomic.Int64  // the offset after the last acked, 0 before that
	idle  chan struct{} // room for one: acked may have reached sent
	_     [8]int64
}

func startLoop(ctx context.Context, s Spec, t tuning) (job, error) {
	if t.noMetrics {
		metrics.UseNilMetrics = true
	}
	conf, err := t.config()
	if err != nil {
		return nil, err
	}
	client, err := sarama.NewClient(s.Brokers, conf)
	if err != nil {
		return nil, err
	}
	partitions, err := client.Partitions(s.In)
	if err != nil {
		return nil, err
	}
	l := &loop{spec: s, ended: make(chan struct{})}
	l.pool.New = func() any { return newMessage() }
	l.ctx, l.cancel = context.WithCancelCause(ctx)
	for range partitions {
		l.parts = append(l.parts, &part{idle: make(chan struct{}, 1)})
	}
	for range t.producers {
		p, err := sarama.NewAsyncProducer(s.Brokers, conf)
		if err != nil {
			return nil, err
		}
		l.out = append(l.out, p)
		l.all.Go(func() { l.successes(p) })
		l.all.Go(func() { l.errors(p) })
	}
	if l.group, err = sarama.NewConsumerGroupFromClient(s.Group, client); err != nil {
		return nil, err
	}
	go l.run(client)
	return l, nil
}

// run is the loop's owner: it ends when everything it started has.
func (l *loop) run(client sarama.Client) {
	defer close(l.ended)
	for l.ctx.Err() == nil {
		if err := l.group.Consume(l.ctx, []string{l.spec.In}, l); err != nil {
			l.cancel(err)
		}
	}
	for _, p := range l.out {
		p.AsyncClose()
	}
	l.all.Wait()
	if err := errors.Join(l.group.Close(), client.Close()); err != nil && !errors.Is(err, sarama.ErrClosedClient) {
		l.cancel(err)
	}
}

// Setup starts the commits of a session.
func (l *loop) Setup(s sarama.ConsumerGroupSession) error {
	l.all.Go(func() {
		tick := time.NewTicker(commitEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				l.commit(s)
			case <-s.Context().Done():
				return
			}
		}
	})
	return nil
}

// Cleanup commits what ConsumeClaim waited for.
func (l *loop) Cleanup(s sarama.ConsumerGroupSession) error {
	l.commit(s)
	return nil
}

func (l *loop) commit(s sarama.ConsumerGroupSession) {
	for i, p := range l.parts {
		if next := p.next.Load(); next > 0 {
			s.MarkOffset(l.spec.In, int32(i), next, "")
		}
	}
	s.Commit()
}

// ConsumeClaim is the goroutine of a partition.
func (l *loop) ConsumeClaim(s sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	p := l.parts[claim.Partition()]
	out := l.out[int(claim.Partition())%len(l.out)].Input()
	var arena []byte
	var tweet tweets.Tweet
	for m := range claim.Messages() {
		if s.Context().Err() != nil {
			break
		}
		if err := tweetCodec.Decode(m.Value, &tweet); err != nil {
			return l.end(fmt.Errorf("offset %d: %w", m.Offset, err))
		}
		if cap(arena)-len(arena) < 2048 {
			arena = make([]byte, 0, 64<<10)
		}
		from := len(arena)
		var err error
		if arena, err = tweetCodec.Append(arena, tweet); err != nil {
			return l.end(fmt.Errorf("offset %d: %w", m.Offset, err))
		}
		pm := l.pool.Get().(*message)
		pm.Topic, pm.Partition, pm.offset = l.spec.Out, m.Partition, m.Offset
		pm.value.b, pm.Timestamp = arena[from:len(arena):len(arena)], time.Time{}
		p.sent.Add(1)
		out <- &pm.ProducerMessage
	}
	return p.settle(l.ctx)
}

// A message is a record on its way, recycled: neither its value nor its offset
// in the input costs an allocation.
type message struct {
	sarama.ProducerMessage
	value  encoded
	offset int64 // in the input
}

func newMessage() *message {
	m := new(message)
	m.Metadata, m.Value = m, &m.value
	return m
}

type encoded struct{ b []byte }

func (e *encoded) Encode() ([]byte, error) { return e.b, nil }
func (e *encoded) Length() int             { return len(e.b) }

func (l *loop) end(err error) error {
	l.cancel(err)
	return err
}

// settle waits until all that was sent is acked.
func (p *part) settle(ctx context.Context) error {
	limit := time.NewTimer(stall)
	defer limit.Stop()
	for p.acked.Load() < p.sent.Load() {
		select {
		case <-p.idle:
		case <-limit.C:
			return errors.New("the broker does not answer")
		}
		if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	return nil
}

func (l *loop) successes(out sarama.AsyncProducer) {
	for pm := range out.Successes() {
		m := pm.Metadata.(*message)
		p := l.parts[m.Partition]
		p.next.Store(m.offset + 1)
		if p.acked.Add(1) == p.sent.Load() {
			select {
			case p.idle <- struct{}{}:
			default:
			}
		}
		l.pool.Put(m)
	}
}

func (l *loop) errors(out sarama.AsyncProducer) {
	for e := range out.Errors() {
		l.cancel(e.Err)
	}
}

func (l *loop) written() (n uint64) {
	for _, p := range l.parts {
		n += uint64(p.acked.Load())
	}
	return n
}

func (l *loop) failed() <-chan struct{} { return l.ended }

func (l *loop) stop(context.Context) error {
	l.cancel(context.Canceled)
	<-l.ended
	if err := context.Cause(l.ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/internal/kafkaio"
	"github.com/waterspout/waterspout/tuple"
)

// closeTimeout is how long Close waits for the broker's answers. What a drain
// waited for is answered long before.
const closeTimeout = 5 * time.Second

// A Sink is a task of the Kafka writer bolt. It holds each input until the
// broker has acked its record (rule W1), and so counts on Drained being called.
// A record that the broker or the client refuses for good is rejected with the
// reason. What a retry may cure is sent again: for some seconds, and then failed, so
// that the spout replays it, if it certainly was not written; and until the broker
// answers or the task ends if it may have been (rule W2).
type Sink struct {
	bolt   Bolt
	writer *kafkaio.Writer[tuple.Held]
}

var (
	_ bolt.Bolt[Record, bolt.None] = (*Sink)(nil)
	_ bolt.Drainer[bolt.None]      = (*Sink)(nil)
	_ bolt.Opener                  = (*Sink)(nil)
)

// Name is [Bolt.Name].
func (s *Sink) Name() string { return s.bolt.Name() }

// Open connects, and checks that the topic exists and may be written to. It
// blocks for as long as ctx and the configuration's timeouts and retries allow.
func (s *Sink) Open(ctx context.Context, _ bolt.Task) error {
	b := s.bolt
	o := kafkaio.WriterOptions{Brokers: b.Brokers, Manual: b.Partitioner == Manual, Sarama: b.Sarama}
	switch {
	case len(b.Brokers) == 0:
		return errors.New("kafka: no brokers; set kafka.Bolt.Brokers")
	case b.Topic == "" && b.TopicOf == nil:
		return errors.New("kafka: no topic; set kafka.Bolt.Topic or TopicOf")
	case b.Partitioner > Manual:
		return fmt.Errorf("kafka: partitioner %d; use kafka.ByKey or kafka.Manual", b.Partitioner)
	case b.Compression > Zstd:
		return fmt.Errorf("kafka: compression %d; use kafka.None, Gzip, Snappy, LZ4 or Zstd", b.Compression)
	case b.Topic != "":
		o.Topics = []string{b.Topic}
	}
	o.Compression = b.Compression.codec()
	var err error
	s.writer, err = kafkaio.NewWriter(ctx, o, s.settle)
	return err
}

// Execute takes a record and holds the input until the broker's answer. It
// blocks while too much is on its way, and while a new topic is looked up.
func (s *Sink) Execute(ctx context.Context, r Record, out *bolt.Collector[bolt.None]) error {
	if s.bolt.TopicOf != nil {
		r.Topic = s.bolt.TopicOf(r)
	} else {
		r.Topic = s.bolt.Topic
	}
	return s.writer.Write(ctx, (*kafkaio.Record)(&r), out.Hold())
}

// Drained sends what Execute collected.
func (s *Sink) Drained(ctx context.Context, _ *bolt.Collector[bolt.None]) error {
	return s.writer.Push(ctx)
}

// Close sends what is left, waits some seconds for the broker's answers, and
// fails what has none. A second Close does nothing.
func (s *Sink) Close() error {
	w := s.writer
	if w == nil {
		return nil
	}
	s.writer = nil
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return w.Close(ctx)
}

// settle runs on a goroutine of the writer, never beside itself.
func (s *Sink) settle(r kafkaio.Result[tuple.Held]) {
	if r.Err == nil {
		tuple.AckAll(r.Tokens)
		return
	}
	err := failure(r.Err)
	for _, held := range r.Tokens {
		held.Fail(err)
	}
}

// failure is what a spout is told of a record that was not written. An outage
// counts as a lost link, not as an attempt at the record (rule P4).
func failure(err error) error {
	if _, refused := errors.AsType[*kafkaio.RefusedError](err); refused {
		return bolt.Reject(err)
	}
	return tuple.Failure{Kind: tuple.Lost, Text: err.Error()}
}

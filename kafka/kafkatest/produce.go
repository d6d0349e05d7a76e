package kafkatest

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/waterspout/waterspout/kafka"
)

// partitioner sends a record with a key where the Java client would, and one
// without to the partition number it carries modulo the partitions.
func partitioner(topic string) func(*kgo.Record, int) int {
	keyed := kgo.StickyKeyPartitioner(nil).ForTopic(topic)
	return func(r *kgo.Record, n int) int {
		if r.Key != nil {
			return keyed.Partition(r, n)
		}
		return int(uint32(r.Partition) % uint32(n))
	}
}

// Produce writes records to a topic, uncompressed, and returns when the broker
// has them all. Records with a key go where the Java client would put them,
// those without to the partitions in turn, from partition 0 in each call. A zero
// Time is now; Topic, Partition and Offset are not read.
func (b *Broker) Produce(ctx context.Context, topic string, records ...kafka.Record) error {
	return b.Fill(ctx, topic, slices.Values(records))
}

// Fill is [Broker.Produce] for more records than one wants to hold in memory.
// It does not keep what records yields after the broker has it. Of what it had begun to
// send when ctx ends, some may still be written.
func (b *Broker) Fill(ctx context.Context, topic string, records iter.Seq[kafka.Record]) error {
	within, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var open sync.WaitGroup
	done := func(_ *kgo.Record, err error) {
		if err != nil {
			cancel(err)
		}
		open.Done()
	}
	var n int32
	for r := range records {
		if within.Err() != nil {
			break
		}
		open.Add(1)
		b.client.Produce(within, &kgo.Record{
			Topic: topic, Partition: n, Key: r.Key, Value: r.Value,
			Timestamp: r.Time, Headers: toHeaders(r.Headers),
		}, done)
		n++
	}
	settled := make(chan struct{})
	go func() { // ends with the client at the latest: it does not give up what may be written
		open.Wait()
		close(settled)
	}()
	select {
	case <-settled:
	case <-ctx.Done():
	}
	if err := context.Cause(within); err != nil {
		return fmt.Errorf("kafkatest: produce to %s: %w", topic, err)
	}
	return nil
}

func toHeaders(hs []kafka.Header) []kgo.RecordHeader {
	if len(hs) == 0 {
		return nil
	}
	out := make([]kgo.RecordHeader, len(hs))
	for i, h := range hs {
		out[i] = kgo.RecordHeader(h)
	}
	return out
}

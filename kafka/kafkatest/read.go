package kafkatest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/waterspout/waterspout/kafka"
)

// Offsets are one per partition of a topic.
type Offsets map[int32]int64

// Sum is the sum of the offsets. For the end offsets of a topic that was never
// truncated or compacted it is the number of records.
func (o Offsets) Sum() int64 {
	var n int64
	for _, offset := range o {
		n += offset
	}
	return n
}

// EndOffsets are the offsets that the next record of each partition will get.
func (b *Broker) EndOffsets(ctx context.Context, topic string) (Offsets, error) {
	return offsets(b.admin.ListEndOffsets(ctx, topic))
}

// StartOffsets are the offsets of the oldest records of each partition.
func (b *Broker) StartOffsets(ctx context.Context, topic string) (Offsets, error) {
	return offsets(b.admin.ListStartOffsets(ctx, topic))
}

func offsets(listed kadm.ListedOffsets, err error) (Offsets, error) {
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("kafkatest: list offsets: %w", err)
	}
	out := Offsets{}
	listed.Each(func(o kadm.ListedOffset) { out[o.Partition] = o.Offset })
	return out, nil
}

// Committed are the offsets that a group has committed, by topic. Partitions
// without a commit are not in it.
func (b *Broker) Committed(ctx context.Context, group string) (map[string]Offsets, error) {
	fetched, err := b.fetchOffsets(ctx, group)
	if errors.Is(err, kerr.GroupIDNotFound) { // nobody joined or committed yet
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("kafkatest: offsets of group %s: %w", group, err)
	}
	out := map[string]Offsets{}
	fetched.Each(func(o kadm.OffsetResponse) {
		if o.At < 0 {
			return
		}
		if out[o.Topic] == nil {
			out[o.Topic] = Offsets{}
		}
		out[o.Topic][o.Partition] = o.At
	})
	return out, nil
}

// fetchOffsets asks again while a broker that was just started has no coordinator.
func (b *Broker) fetchOffsets(ctx context.Context, group string) (kadm.OffsetResponses, error) {
	for {
		fetched, err := b.admin.FetchOffsets(ctx, group)
		if err == nil {
			err = fetched.Error()
		}
		if !kerr.IsRetriable(err) {
			return fetched, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Read returns all records of a topic, up to the end offsets at the time of the
// call, sorted by partition and offset. Uncommitted and aborted records count.
func (b *Broker) Read(ctx context.Context, topic string) ([]kafka.Record, error) {
	var out []kafka.Record
	for r, err := range b.Records(ctx, topic, nil) {
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b kafka.Record) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	return out, nil
}

// Records is [Broker.Read] for more records than one wants to hold in memory:
// it yields them as they come, each partition in order, from the offsets given
// (nil, or none for a partition, is the oldest record) to the end offsets at
// the time of the call. An error ends it.
func (b *Broker) Records(ctx context.Context, topic string, from Offsets) iter.Seq2[kafka.Record, error] {
	return func(yield func(kafka.Record, error) bool) {
		if err := b.read(ctx, topic, from, yield); err != nil {
			yield(kafka.Record{}, fmt.Errorf("kafkatest: read %s: %w", topic, err))
		}
	}
}

func (b *Broker) read(ctx context.Context, topic string, from Offsets, yield func(kafka.Record, error) bool) error {
	ends, starts, err := b.span(ctx, topic, from)
	if err != nil || len(ends) == 0 {
		return err
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(b.addrs...),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: starts}),
		kgo.KeepControlRecords(), // the last offset of a partition may be a marker
		kgo.FetchMaxPartitionBytes(1<<20),
		kgo.FetchMaxBytes(4<<20), // what is fetched ahead is memory
	)
	if err != nil {
		return err
	}
	defer client.Close()
	for len(ends) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return err
		}
		for records := fetches.RecordIter(); !records.Done(); {
			r := records.Next()
			end, open := ends[r.Partition]
			if !open {
				continue
			}
			if r.Offset < end && !r.Attrs.IsControl() && !yield(fromRecord(r), nil) {
				return nil
			}
			if r.Offset+1 >= end {
				delete(ends, r.Partition)
			}
		}
	}
	return nil
}

// span is where to start and to end reading the partitions that have something
// to read.
func (b *Broker) span(ctx context.Context, topic string, from Offsets) (Offsets, map[int32]kgo.Offset, error) {
	ends, err := b.EndOffsets(ctx, topic)
	if err != nil {
		return nil, nil, err
	}
	oldest, err := b.StartOffsets(ctx, topic)
	if err != nil {
		return nil, nil, err
	}
	starts := map[int32]kgo.Offset{}
	for p, end := range ends {
		start := max(from[p], oldest[p])
		if start >= end {
			delete(ends, p)
			continue
		}
		starts[p] = kgo.NewOffset().At(start)
	}
	return ends, starts, nil
}

func fromRecord(r *kgo.Record) kafka.Record {
	var headers []kafka.Header
	for _, h := range r.Headers {
		headers = append(headers, kafka.Header(h))
	}
	return kafka.Record{
		Topic: r.Topic, Partition: r.Partition, Offset: r.Offset,
		Key: r.Key, Value: r.Value, Time: r.Timestamp, Headers: headers,
	}
}

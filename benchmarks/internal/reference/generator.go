package reference

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// An Offer is a load to be made ready.
type Offer struct {
	Brokers  []string
	In       string
	Schedule Schedule // its Begin is not read
	Size     int      // of a record in bytes; zero is that of a tweet
}

// A Sent is what the generator has to say of itself: how far behind its schedule
// it was, in milliseconds.
type Sent struct {
	Late    float64 // at p99
	LateMax float64
}

// A generator has the requests of a whole load, encoded and with their checksums,
// so that to send one costs it next to nothing.
type generator struct {
	Offer
	client  *kgo.Client
	topic   kmsg.MetadataResponseTopic
	batches [][]byte // one per turn of the schedule, for the partitions in turn
	failed  atomic.Int64
}

// prepared is the process's generator between Prepare and Generate.
var prepared *generator

// Prepare encodes the batches of a load.
func Prepare(ctx context.Context, o Offer) (struct{}, error) {
	g, err := newGenerator(ctx, o)
	prepared = g
	return struct{}{}, err
}

// Generate sends what was prepared, from begin on, and returns when the broker has
// answered for all of it.
func Generate(ctx context.Context, begin time.Time) (Sent, error) {
	g := prepared
	if g == nil {
		return Sent{}, errors.New("reference: no load was prepared")
	}
	prepared = nil
	defer g.client.Close()
	g.Schedule.Begin = begin
	late, err := g.send(ctx, 0)
	return Sent{Late: millis(late.ValueAtQuantile(99)), LateMax: millis(late.Max())}, err
}

func newGenerator(ctx context.Context, o Offer) (*generator, error) {
	g := &generator{Offer: o}
	var err error
	if g.client, err = kgo.NewClient(kgo.SeedBrokers(o.Brokers...), kgo.MetadataMaxAge(time.Hour)); err != nil {
		return nil, err
	}
	ask := kmsg.NewPtrMetadataRequest()
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = &o.In
	ask.Topics = append(ask.Topics, topic)
	answer, err := ask.RequestWith(ctx, g.client)
	if err == nil && len(answer.Topics) != 1 {
		err = errors.New("the broker tells nothing of it")
	}
	if err == nil {
		err = kerr.ErrorForCode(answer.Topics[0].ErrorCode)
	}
	if err != nil {
		g.client.Close()
		return nil, fmt.Errorf("reference: topic %s: %w", o.In, err)
	}
	g.topic = answer.Topics[0]
	g.encode()
	return g, nil
}

// encode cuts the batches from large blocks, which cost the garbage collector
// nothing.
func (g *generator) encode() {
	const block = 1 << 20
	burst := g.Schedule.burst()
	var arena, records []byte
	n := 0
	flush := func() {
		if n == 0 {
			return
		}
		if cap(arena)-len(arena) < len(records)+128 {
			arena = make([]byte, 0, max(block, len(records)+128))
		}
		from := len(arena)
		arena = appendBatch(arena, records, n)
		g.batches = append(g.batches, arena[from:len(arena):len(arena)])
		records, n = records[:0], 0
	}
	for value := range Values(0, uint64(g.Schedule.Records), g.Size) {
		records = appendRecord(records, value, n)
		if n++; n == burst {
			flush()
		}
	}
	flush()
}

// appendRecord encodes a record without key, headers or a time of its own.
func appendRecord(dst, value []byte, delta int) []byte {
	r := kmsg.Record{OffsetDelta: int32(delta), Value: value}
	begin := len(dst)
	// Once with no length, whose encoding is one byte, to know the length.
	dst = r.AppendTo(dst)
	r.Length = int32(len(dst) - begin - 1)
	return r.AppendTo(dst[:begin])
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendBatch encodes a batch of magic 2 of n records, by no idempotent producer.
func appendBatch(dst, records []byte, n int) []byte {
	const beforeLength, beforeCRC = 12, 21
	begin := len(dst)
	now := time.Now().UnixMilli()
	b := kmsg.RecordBatch{
		PartitionLeaderEpoch: -1, Magic: 2, LastOffsetDelta: int32(n - 1),
		FirstTimestamp: now, MaxTimestamp: now,
		ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1,
		NumRecords: int32(n), Records: records,
	}
	dst = b.AppendTo(dst)
	b.Length = int32(len(dst) - begin - beforeLength)
	b.CRC = int32(crc32.Checksum(dst[begin+beforeCRC:], castagnoli))
	return b.AppendTo(dst[:begin])
}

// send returns by how many microseconds each send was late that was due after
// unmeasured.
func (g *generator) send(ctx context.Context, unmeasured time.Duration) (*hdrhistogram.Histogram, error) {
	late := hdrhistogram.New(1, 600e6, 3)
	s, burst := g.Schedule, g.Schedule.burst()
	var open sync.WaitGroup
	for i, batch := range g.batches {
		due := s.Due(i * burst)
		if wait := time.Until(due); wait > 0 {
			time.Sleep(wait)
		}
		if ctx.Err() != nil {
			break
		}
		if due.Sub(s.Begin) >= unmeasured {
			_ = late.RecordValue(max(time.Since(due).Microseconds(), 1)) // within the range, as all of a run is
		}
		open.Go(func() { g.produce(ctx, i, batch) })
	}
	open.Wait()
	if n := g.failed.Load(); n > 0 && ctx.Err() == nil {
		return late, fmt.Errorf("reference: the broker refused %d of %d batches of the load", n, len(g.batches))
	}
	return late, context.Cause(ctx)
}

func (g *generator) produce(ctx context.Context, i int, batch []byte) {
	p := g.topic.Partitions[i%len(g.topic.Partitions)]
	part := kmsg.NewProduceRequestTopicPartition()
	part.Partition, part.Records = p.Partition, batch
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic, topic.TopicID = g.In, g.topic.TopicID
	topic.Partitions = append(topic.Partitions, part)
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = 1, int32(stall/time.Millisecond)
	req.Topics = append(req.Topics, topic)
	resp, err := g.client.Broker(int(p.Leader)).Request(ctx, req)
	if err == nil {
		for _, t := range resp.(*kmsg.ProduceResponse).Topics {
			for _, p := range t.Partitions {
				err = errors.Join(err, kerr.ErrorForCode(p.ErrorCode))
			}
		}
	}
	if err != nil {
		g.failed.Add(1)
	}
}

func millis(micros int64) float64 { return float64(micros) / 1000 }

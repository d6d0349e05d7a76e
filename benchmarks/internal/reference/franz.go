package reference

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
	"unsafe"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/waterspout/waterspout/internal/tweets"
)

// A franz is the loop that one would write by hand on franz-go, built as loop is: a
// goroutine per partition decodes, encodes and produces to the partition of the same
// number, and what the broker acked is committed every commitEvery.
type franz struct {
	spec   Spec
	client *kgo.Client
	parts  []*part
	work   []chan []*kgo.Record // by partition
	pool   sync.Pool

	ctx    context.Context
	cancel context.CancelCauseFunc
	ended  chan struct{}
	all    sync.WaitGroup
}

// franzTunings are what was tried, by contender: the client's defaults are best.
// README.md has the figures.
var franzTunings = map[string][]kgo.Opt{
	"franz":          nil,
	"franz/linger0":  {kgo.ProducerLinger(0)},
	"franz/linger5":  {kgo.ProducerLinger(5 * time.Millisecond)},
	"franz/buffered": {kgo.MaxBufferedRecords(1 << 20)},
	"franz/fetch4M":  {kgo.FetchMaxPartitionBytes(4 << 20)},
}

func startFranz(ctx context.Context, s Spec, tuning []kgo.Opt) (job, error) {
	f := &franz{spec: s, ended: make(chan struct{})}
	f.pool.New = func() any { return new(passed) }
	f.ctx, f.cancel = context.WithCancelCause(ctx)
	var err error
	f.client, err = kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(s.Brokers...), kgo.ConsumeTopics(s.In), kgo.ConsumerGroup(s.Group), kgo.DisableAutoCommit(),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.DefaultProduceTopic(s.Out), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
	}, tuning...)...)
	if err != nil {
		return nil, err
	}
	for range partitions {
		f.parts = append(f.parts, &part{idle: make(chan struct{}, 1)})
		f.work = append(f.work, make(chan []*kgo.Record, 2))
	}
	go f.run()
	return f, nil
}

// run is the loop's owner: it ends when everything it started has.
func (f *franz) run() {
	defer close(f.ended)
	for i, p := range f.parts {
		f.all.Go(func() {
			if err := f.pass(p, f.work[i]); err != nil {
				f.cancel(err)
			}
		})
	}
	f.all.Go(f.commits)
	f.poll()
	for _, w := range f.work {
		close(w)
	}
	f.all.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(f.ctx), stall)
	defer cancel()
	if err := errors.Join(f.client.Flush(ctx), f.commit(ctx)); err != nil {
		f.cancel(err)
	}
	f.client.Close()
}

func (f *franz) poll() {
	for f.ctx.Err() == nil {
		fetches := f.client.PollFetches(f.ctx)
		if err := fetches.Err(); err != nil && f.ctx.Err() == nil {
			f.cancel(err)
		}
		fetches.EachPartition(func(p kgo.FetchTopicPartition) {
			if len(p.Records) == 0 {
				return
			}
			select {
			case f.work[p.Partition] <- p.Records:
			case <-f.ctx.Done():
			}
		})
	}
}

// commits goes on until the loop ends, which commits for the last time.
func (f *franz) commits() {
	tick := time.NewTicker(commitEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := f.commit(f.ctx); err != nil && f.ctx.Err() == nil {
				f.cancel(err)
			}
		case <-f.ctx.Done():
			return
		}
	}
}

func (f *franz) commit(ctx context.Context) (err error) {
	offsets := map[int32]kgo.EpochOffset{}
	for i, p := range f.parts {
		if next := p.next.Load(); next > 0 {
			offsets[int32(i)] = kgo.EpochOffset{Epoch: -1, Offset: next}
		}
	}
	f.client.CommitOffsetsSync(ctx, map[string]map[int32]kgo.EpochOffset{f.spec.In: offsets},
		func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, failed error) {
			err = failed
			if resp == nil {
				return
			}
			for _, t := range resp.Topics {
				for _, p := range t.Partitions {
					err = errors.Join(err, kerr.ErrorForCode(p.ErrorCode))
				}
			}
		})
	return err
}

// pass is the goroutine of a partition.
func (f *franz) pass(p *part, work <-chan []*kgo.Record) error {
	var arena []byte
	var tweet tweets.Tweet
	for records := range work {
		for _, r := range records {
			if err := tweetCodec.Decode(r.Value, &tweet); err != nil {
				return fmt.Errorf("offset %d: %w", r.Offset, err)
			}
			if cap(arena)-len(arena) < 2048 {
				arena = make([]byte, 0, 64<<10)
			}
			from := len(arena)
			var err error
			if arena, err = tweetCodec.Append(arena, tweet); err != nil {
				return fmt.Errorf("offset %d: %w", r.Offset, err)
			}
			m := f.pool.Get().(*passed)
			*m = passed{kgo.Record{Value: arena[from:len(arena):len(arena)], Partition: r.Partition}, r.Offset}
			p.sent.Add(1)
			f.client.Produce(context.Background(), &m.Record, f.acked)
		}
	}
	return nil
}

// A passed record is on its way, recycled; the offset is its own in the input.
type passed struct {
	kgo.Record
	offset int64
}

// acked is called for the records of a partition in the order of Produce.
func (f *franz) acked(r *kgo.Record, err error) {
	if err != nil {
		f.cancel(err)
		return
	}
	m := (*passed)(unsafe.Pointer(r)) // r is the first field of it; a closure would be an allocation
	p := f.parts[r.Partition]
	p.next.Store(m.offset + 1)
	p.acked.Add(1)
	f.pool.Put(m)
}

func (f *franz) written() (n uint64) {
	for _, p := range f.parts {
		n += uint64(p.acked.Load())
	}
	return n
}

func (f *franz) failed() <-chan struct{} { return f.ended }

func (f *franz) stop(context.Context) error {
	f.cancel(context.Canceled)
	<-f.ended
	if err := context.Cause(f.ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

package kafkaio

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
)

// A fetcher reads the partition of one claim, on one goroutine, over a
// connection of its own: sarama blocks all other requests of a connection
// during the long poll of a fetch.
type fetcher struct {
	claim *Claim
	next  int64
	size  int32
	conf  sarama.Config // the member's, but for how to dial
	wires *wires        // of conn
	conn  *sarama.Broker
	topic sarama.Uuid
	known bool  // the leader that conn leads to has said what topic is
	epoch int32 // of the leader that conn leads to: another one refuses us
}

func newFetcher(c *Claim) *fetcher {
	f := &fetcher{claim: c, next: c.Start, conf: *c.member.conf}
	f.size = f.conf.Consumer.Fetch.Default
	f.wires = track(&f.conf, nil)
	return f
}

// run fetches until ctx ends, which cuts a poll short. What goes wrong is told and
// tried again.
func (f *fetcher) run(ctx context.Context) {
	defer f.disconnect()
	defer context.AfterFunc(ctx, f.wires.end)()
	m := f.claim.member
	for ctx.Err() == nil {
		batch, err := f.fetch()
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			m.health.bad(reading, f.claim.String(), err)
			f.disconnect()
			if !sleep(ctx, m.conf.Consumer.Retry.Backoff) {
				return
			}
			_ = m.client.RefreshMetadata(f.claim.Topic) // its failure shows at the next fetch
			continue
		}
		m.health.good(reading, f.claim.String())
		if !f.deliver(ctx, batch) {
			return
		}
	}
}

// lookEvery is how often a fetcher that waits for its reader asks where the partition
// ends.
const lookEvery = 2 * time.Second

// deliver waits until there is room for a batch that has news.
func (f *fetcher) deliver(ctx context.Context, b Batch) bool {
	if b.Next == f.next && !b.Reset {
		return true
	}
	for {
		select {
		case f.claim.batches <- b:
			f.next = b.Next
			f.claim.member.wake()
			return true
		case <-ctx.Done():
			return false
		case <-time.After(lookEvery):
			f.look()
		}
	}
}

// look asks where the partition ends, as a fetch that is not due would tell: how far a
// reader that stands still is behind is what its user wants to know.
func (f *fetcher) look() {
	if f.connect() != nil {
		return // the next fetch tells of it
	}
	end, err := f.claim.member.offsetAt(f.conn, f.claim.Topic, f.claim.Partition, sarama.OffsetNewest)
	if err != nil {
		f.disconnect()
		return
	}
	f.claim.end.Store(end)
}

func (f *fetcher) disconnect() {
	if f.conn != nil {
		_ = f.conn.Close()
		f.conn, f.known = nil, false
	}
}

func (f *fetcher) connect() error {
	if f.conn != nil {
		return nil
	}
	leader, epoch, err := f.claim.member.client.LeaderAndEpoch(f.claim.Topic, f.claim.Partition)
	if err != nil {
		return fmt.Errorf("no leader of %s: %w", f.claim, err)
	}
	conn := sarama.NewBroker(leader.Addr())
	if err := conn.Open(&f.conf); err != nil {
		return err
	}
	f.conn, f.epoch = conn, epoch
	return nil
}

// fetch asks once. An error says that another try, perhaps at another broker,
// may help.
func (f *fetcher) fetch() (Batch, error) {
	if err := f.connect(); err != nil {
		return Batch{}, err
	}
	if !f.known {
		if b, anew, err := f.recognise(); anew || err != nil {
			return b, err
		}
	}
	resp, err := f.conn.Fetch(f.request())
	if err != nil {
		return Batch{}, fmt.Errorf("fetch from %s: %w", f.conn.Addr(), err)
	}
	block := resp.GetBlock(f.claim.Topic, f.claim.Partition)
	switch {
	case block == nil && resp.ErrorCode != 0:
		return Batch{}, fmt.Errorf("fetch from %s: %w", f.conn.Addr(), sarama.KError(resp.ErrorCode))
	case block == nil: // throttled
		return Batch{Next: f.next}, nil
	case block.Err == sarama.ErrOffsetOutOfRange:
		return f.reset()
	case block.Err != sarama.ErrNoError:
		return Batch{}, fmt.Errorf("fetch from %s: %w", f.conn.Addr(), block.Err)
	}
	return f.read(block)
}

func (f *fetcher) request() *sarama.FetchRequest {
	conf := &f.conf
	req := &sarama.FetchRequest{
		Version:      11, // from 10 on zstd is known; sarama lowers it for an older broker
		MaxWaitTime:  int32(conf.Consumer.MaxWaitTime / time.Millisecond),
		MinBytes:     conf.Consumer.Fetch.Min,
		MaxBytes:     max(conf.Consumer.Fetch.MaxBytes, f.size),
		Isolation:    conf.Consumer.IsolationLevel,
		SessionEpoch: -1, // no fetch session; and no rack, or a leader sends us to a follower
	}
	req.AddBlock(f.claim.Topic, f.claim.Partition, f.next, f.size, f.epoch)
	return req
}

// read turns an answer into a batch.
func (f *fetcher) read(block *sarama.FetchResponseBlock) (Batch, error) {
	end := block.HighWaterMarkOffset
	committed := f.conf.Consumer.IsolationLevel == sarama.ReadCommitted
	if committed && block.LastStableOffset >= 0 {
		end = block.LastStableOffset
	}
	f.claim.end.Store(end)
	if cut(block) {
		return f.grow()
	}
	f.size = f.conf.Consumer.Fetch.Default
	if len(block.RecordsSet) == 0 {
		next, err := hollow.next(block, f.next, end)
		return Batch{Next: next}, err
	}
	return unpack(f.claim.Topic, f.claim.Partition, f.next, block, committed)
}

// grow asks for more bytes, since not even one batch fitted. Apache Kafka sends the first
// one whole anyway; what is damaged is told in the end.
func (f *fetcher) grow() (Batch, error) {
	if f.size > sarama.MaxResponseSize/2 {
		return Batch{}, fmt.Errorf("the batch at offset %d is damaged, or exceeds sarama.MaxResponseSize of %d bytes", f.next, sarama.MaxResponseSize)
	}
	f.size *= 2
	return Batch{Next: f.next}, nil
}

// cut reports whether not even the first batch came whole, or what it says does not fit
// into it.
func cut(block *sarama.FetchResponseBlock) bool {
	if len(block.RecordsSet) == 0 {
		return block.Partial
	}
	first := block.RecordsSet[0].RecordBatch
	return first != nil && first.PartialTrailingRecord
}

// reset finds where to go on when the offset is gone.
func (f *fetcher) reset() (Batch, error) {
	m, c := f.claim.member, f.claim
	oldest, err := m.resolve(c.Topic, c.Partition, Earliest)
	if err != nil {
		return Batch{}, err
	}
	newest, err := m.resolve(c.Topic, c.Partition, Latest)
	if err != nil {
		return Batch{}, err
	}
	if oldest <= f.next && f.next <= newest {
		return Batch{}, errors.New("the leader does not have the offset yet")
	}
	to, err := m.resolve(c.Topic, c.Partition, m.cfg.OutOfRange)
	if err != nil {
		return Batch{}, err
	}
	return Batch{Reset: true, Next: to, Skipped: max(0, to-f.next)}, nil
}

package kafkaio

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
)

// A Claim is one assignment of one partition to a Member, from Claimed to the
// return of Revoked. The same partition given again is another Claim.
type Claim struct {
	Topic     string
	Partition int32
	Start     int64 // where it begins to read; committed, before Claimed is called

	member  *Member
	session sarama.ConsumerGroupSession
	batches chan Batch
	lost    chan struct{} // closed when the group takes the partition away
	end     atomic.Int64  // of the partition, when it was last fetched
}

// A Batch is what one fetch passed: records in order of offset, and where the
// next fetch begins. It may have no records, when all it passed was markers or
// aborted data.
type Batch struct {
	Records []Fetched
	Next    int64 // the offset after everything that was passed
	Bytes   int   // about the memory that keeping the records costs

	// Reset says that the partition has no record at the claim's offset any
	// more: reading goes on at Next, Skipped offsets later (0 if that is
	// before). There are no records in such a Batch.
	Reset   bool
	Skipped int64
	Anew    bool // a Reset since the topic was deleted and created again
}

// FixedClaim is a claim of nobody that has the given batches and no more, for
// tests of readers. It is never lost, and cannot be committed for.
func FixedClaim(topic string, partition int32, start int64, batches ...Batch) *Claim {
	c := &Claim{Topic: topic, Partition: partition, Start: start, batches: make(chan Batch, len(batches)), lost: make(chan struct{})}
	for _, b := range batches {
		c.batches <- b
	}
	return c
}

// String is topic/partition.
func (c *Claim) String() string { return fmt.Sprintf("%s/%d", c.Topic, c.Partition) }

// Take returns the next batch, if one is there. It does not block. A claim that
// is not taken from fetches at most two batches ahead and then waits: that is
// how a partition is paused. After the claim was lost there is none.
func (c *Claim) Take() (b Batch, ok bool) {
	select {
	case <-c.lost:
		return b, false
	default:
	}
	select {
	case b = <-c.batches:
		return b, true
	default:
		return b, false
	}
}

// Next is the next batch, and waits for one. It reports false when the claim was
// lost or ctx has ended. A claim is read with Take or with Next, by one goroutine.
func (c *Claim) Next(ctx context.Context) (b Batch, ok bool) {
	select {
	case <-c.lost:
		return b, false
	default:
	}
	select {
	case b = <-c.batches:
		return b, true
	case <-c.lost:
		return b, false
	case <-ctx.Done():
		return b, false
	}
}

// Rewound is another reader of the claim's partition, from an offset that was read
// before, for an engine that does a piece of work again. It is lost together with
// the claim, and nothing is committed for it. It has batches while the caller runs
// fetch, on a goroutine of its own, until ctx ends.
func (c *Claim) Rewound(offset int64) (again *Claim, fetch func(ctx context.Context)) {
	again = &Claim{Topic: c.Topic, Partition: c.Partition, Start: offset,
		member: c.member, session: c.session, batches: make(chan Batch, 1), lost: c.lost}
	again.end.Store(-1)
	return again, newFetcher(again).run
}

// Lost is closed when the group takes the partition away, before Revoked is
// called.
func (c *Claim) Lost() <-chan struct{} { return c.lost }

// End is where the partition ended at the last fetch, for a reader of the
// member's isolation; -1 before the first one.
func (c *Claim) End() int64 { return c.end.Load() }

// run is the life of a claim, on sarama's goroutine of it.
func (c *Claim) run(revoked <-chan struct{}) {
	m := c.member
	ctx, cancel := context.WithCancel(m.ctx)
	defer cancel()
	defer func() { // whoever has it next shows its own troubles
		m.health.forget(reading, c.String())
		m.health.forget(committing, c.String())
	}()
	go func() { // ends with ctx, which this function cancels
		select {
		case <-revoked:
		case <-c.session.Context().Done():
		case <-ctx.Done():
		}
		close(c.lost)
		cancel()
	}()
	if !c.begin(ctx) {
		<-c.lost
		return
	}
	fetched := make(chan struct{})
	go func() {
		defer close(fetched)
		newFetcher(c).run(ctx)
	}()
	<-c.lost
	m.cfg.Revoked(c)
	<-fetched
}

// begin finds where to start, however often it must ask, and hands the claim to
// the reader. It reports false if the claim was lost before.
func (c *Claim) begin(ctx context.Context) bool {
	m := c.member
	for {
		start, err := c.start()
		if err == nil {
			m.health.good(reading, c.String())
			c.Start = start
			break
		}
		m.health.bad(reading, c.String(), fmt.Errorf("find where to start: %w", err))
		if !sleep(ctx, m.conf.Consumer.Retry.Backoff) {
			return false
		}
	}
	if ctx.Err() != nil {
		return false
	}
	m.cfg.Claimed(c)
	return true
}

// start is the committed offset, which always wins, or what First says. The
// latter is committed first: otherwise a crash before the first commit would
// make a successor ask again, and with Latest skip what was read and not acked.
func (c *Claim) start() (int64, error) {
	m := c.member
	committed, err := m.Committed(map[string][]int32{c.Topic: {c.Partition}})
	if err != nil {
		return 0, err
	}
	if offset := committed[c.Topic][c.Partition]; offset >= 0 {
		return offset, nil
	}
	offset, err := m.resolve(c.Topic, c.Partition, m.cfg.First)
	if err != nil {
		return 0, err
	}
	if err := m.Commit(Point{c, offset})[0]; err != nil {
		return 0, fmt.Errorf("commit it: %w", err)
	}
	return offset, nil
}

// sleep waits, and reports false if ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

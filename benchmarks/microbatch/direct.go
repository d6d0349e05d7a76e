package microbatch

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waterspout/waterspout/internal/kafkaio"
)

// direct reads without receivers. It is a member of the group for the partitions
// that it gets; the tasks of a batch read them, and the batch's end commits.
type direct struct {
	params  KafkaParams
	log     *slog.Logger
	member  *kafkaio.Member
	ctx     context.Context
	rereads sync.WaitGroup // fetches of what is read again
	stopped atomic.Bool

	mu      sync.Mutex
	cursors []*cursor     // of the claims of now
	running chan struct{} // closed when the batch that runs has ended; nil without one

	ranges []*offsetRange // of the batch that runs; belong to its goroutine
}

// DirectStream is a stream whose batches are ranges of offsets: from where the batch
// before ended, or the group's commit, to where each partition ends when the batch
// begins. It has one partition per partition of the topic that the group has given
// to this process. Records are valid until the task returns.
func DirectStream(ssc *StreamingContext, params KafkaParams) *DStream[Record] {
	d := &direct{params: params, log: ssc.conf.Log}
	ssc.inputs = append(ssc.inputs, d)
	return &DStream[Record]{ssc, func(b *batch) *RDD[Record] {
		ranges := d.ranges
		return &RDD[Record]{
			batch: b, partitions: len(ranges), prepare: nothing,
			compute: func(t *Task, partition int) iter.Seq[Record] { return ranges[partition].records(t) },
		}
	}}
}

func (d *direct) start(ctx context.Context) error {
	d.ctx = ctx
	var err error
	if d.member, err = d.params.connect(ctx, d.params.Instance, d.log, d.claimed, d.revoked); err != nil {
		return err
	}
	if err = d.member.Join(ctx); err != nil {
		return errors.Join(err, d.member.Close())
	}
	return nil
}

func (d *direct) claimed(c *kafkaio.Claim) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cursors = append(d.cursors, &cursor{claim: c, log: d.log, offset: c.Start, position: c.Start})
	slices.SortFunc(d.cursors, func(a, b *cursor) int { return int(a.claim.Partition - b.claim.Partition) })
}

// revoked waits for the batch that runs: its tasks of this partition find it lost,
// and what they have read of it is committed with the rest.
func (d *direct) revoked(c *kafkaio.Claim) {
	d.mu.Lock()
	d.cursors = slices.DeleteFunc(d.cursors, func(k *cursor) bool { return k.claim == c })
	running := d.running
	d.mu.Unlock()
	if running == nil {
		return
	}
	patience := time.NewTimer(d.member.RevokeTime())
	defer patience.Stop()
	select {
	case <-running:
	case <-patience.C:
		d.log.Warn("microbatch: partition taken away from a batch that runs; it will be read again", "partition", c.String())
	}
}

func (d *direct) allocate(*batch) {}

// plan makes a range of each partition. One whose end no broker tells is left for
// the next batch.
func (d *direct) plan(*batch) error {
	select {
	case <-d.member.Dead():
		return d.member.Err()
	default:
	}
	d.mu.Lock()
	d.running = make(chan struct{})
	cursors := slices.Clone(d.cursors)
	d.mu.Unlock()
	d.ranges = d.ranges[:0:0]
	var lookups sync.WaitGroup
	for _, c := range cursors {
		r := &offsetRange{direct: d, cursor: c, from: c.offset, until: c.offset, reached: c.offset}
		d.ranges = append(d.ranges, r)
		if !d.stopped.Load() {
			lookups.Go(r.lookUp)
		}
	}
	lookups.Wait()
	return nil
}

// finish commits. A commit that fails is made good by the next one, or the records
// are read again.
func (d *direct) finish(_ *batch, err error) {
	defer func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		close(d.running)
		d.running = nil
	}()
	if err != nil {
		return
	}
	var points []kafkaio.Point
	var committed []*offsetRange
	for _, r := range d.ranges {
		if r.reached == r.until { // what was fetched beyond may be markers only
			r.reached = max(r.until, r.cursor.position)
		}
		r.cursor.offset = r.reached
		if r.reached > r.from || r.cursor.uncommitted {
			points = append(points, kafkaio.Point{Claim: r.cursor.claim, Offset: r.reached})
			committed = append(committed, r)
		}
	}
	if len(points) == 0 {
		return
	}
	refused := d.member.Commit(points...)
	for i, r := range committed {
		r.cursor.uncommitted = refused[i] != nil
		d.member.Troubled(points[i].Claim.String(), refused[i])
	}
}

func (d *direct) stop() { d.stopped.Store(true) }

func (d *direct) close() error {
	err := d.member.Close()
	d.rereads.Wait()
	if err != nil {
		return fmt.Errorf("microbatch: close the stream of topic %s: %w", d.params.Topic, err)
	}
	return nil
}

func (d *direct) waiting() int { return 0 }

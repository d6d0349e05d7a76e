package microbatch

import (
	"context"
	"iter"
	"log/slog"
	"slices"

	"github.com/waterspout/waterspout/internal/kafkaio"
)

// An offsetRange is what a batch reads of a partition: Spark's OffsetRange.
type offsetRange struct {
	direct      *direct
	cursor      *cursor
	from, until int64
	reached     int64 // until, or less if the partition was taken away meanwhile
}

// lookUp asks where the partition ends now.
func (r *offsetRange) lookUp() {
	claim := r.cursor.claim
	end, err := r.direct.member.End(claim.Topic, claim.Partition)
	if err != nil {
		r.direct.log.Warn("microbatch: nobody tells where the partition ends; it waits for the next batch", "partition", claim.String(), "err", err)
		return
	}
	if end < r.from { // the topic was made anew; the fetches are reset, too
		r.cursor.position, r.cursor.rest = 0, nil
		r.from = 0
	}
	r.until, r.reached = end, end
}

// records reads the range as it is fetched, on the goroutine of the task, from the
// first record each time.
func (r *offsetRange) records(t *Task) iter.Seq[Record] {
	return func(yield func(Record) bool) {
		c := r.cursor
		if c.position > r.from { // it was read before
			ctx, cancel := context.WithCancel(t.ctx)
			defer cancel()
			c = c.rewound(ctx, r)
		}
		if !c.read(t.ctx, &r.from, r.until, yield) {
			r.reached = min(r.reached, max(c.position, r.from))
		}
	}
}

// A cursor reads a partition forward. It belongs to the task that reads the
// partition, and between batches to the context.
type cursor struct {
	claim *kafkaio.Claim
	log   *slog.Logger

	offset      int64 // below it, all is processed
	uncommitted bool  // offset, since the commit of it failed

	rest     []kafkaio.Fetched // fetched, and not read yet
	fetched  int64             // where the rest ends
	position int64             // below it, nothing will come from here again
}

// rewound is a cursor of its own for a range that has been read before.
func (c *cursor) rewound(ctx context.Context, r *offsetRange) *cursor {
	claim, fetch := c.claim.Rewound(r.from)
	r.direct.rereads.Go(func() { fetch(ctx) })
	return &cursor{claim: claim, log: c.log, position: r.from}
}

// read yields the records from one offset to another, which is not below the
// position. It reports false if the partition was taken away before the end. If the
// topic was made anew, what is below from is not read yet either, and from is lowered.
func (c *cursor) read(ctx context.Context, from *int64, until int64, yield func(Record) bool) bool {
	for c.position < until {
		if len(c.rest) == 0 {
			reset, ok := c.fetch(ctx)
			if !ok {
				return ctx.Err() != nil
			}
			if reset {
				*from = min(*from, c.fetched)
			}
		}
		begin, end := c.find(*from), c.find(until)
		part := c.rest[begin:end]
		c.rest = c.rest[end:]
		if c.position = until; len(c.rest) == 0 {
			c.position = c.fetched
		}
		for i := range part {
			if !yield(part[i].Record()) {
				return true
			}
		}
	}
	return true
}

// find is where in the rest the offset is, or would be.
func (c *cursor) find(offset int64) int {
	i, _ := slices.BinarySearchFunc(c.rest, offset, func(r kafkaio.Fetched, offset int64) int { return int(r.Offset() - offset) })
	return i
}

// fetch waits for what comes next, and reports whether it begins elsewhere; ok is false
// if nothing will come.
func (c *cursor) fetch(ctx context.Context) (reset, ok bool) {
	b, ok := c.claim.Next(ctx)
	if !ok {
		return false, false
	}
	if b.Reset {
		c.log.Warn("microbatch: the partition does not have the offset any more; reading goes on elsewhere",
			"partition", c.claim.String(), "offset", c.position, "next", b.Next, "skipped", b.Skipped)
	}
	c.rest, c.fetched = b.Records, b.Next
	return b.Reset, true
}

package microbatch

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/waterspout/waterspout/internal/kafkaio"
)

// commitInterval is of the threads' commits: the consumer's
// auto.commit.interval.ms.
const commitInterval = 200 * time.Millisecond

// A thread is a consumer thread of a receiver.
type thread struct {
	member  *kafkaio.Member
	changed chan struct{} // a partition came; room for one

	mu     sync.Mutex // also held while records are stored, and while offsets are committed
	claims []*held
}

// held is a partition that a thread reads.
type held struct {
	claim             *kafkaio.Claim
	stored, committed int64
}

func (t *thread) claimed(c *kafkaio.Claim) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.claims = append(t.claims, &held{c, c.Start, c.Start})
	select {
	case t.changed <- struct{}{}:
	default:
	}
}

// revoked commits what was stored last, so that the next owner goes on there.
func (t *thread) revoked(c *kafkaio.Claim) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.commit()
	t.claims = slices.DeleteFunc(t.claims, func(h *held) bool { return h.claim == c })
}

// run stores and commits until ctx ends or the membership does.
func (t *thread) run(ctx context.Context, store Store[Record]) error {
	ticker := time.NewTicker(commitInterval)
	defer ticker.Stop()
	again := make(chan struct{})
	close(again)
	for {
		more := (chan struct{})(nil)
		if t.round(ctx, store) {
			more = again
		}
		select {
		case <-ticker.C:
			t.mu.Lock()
			t.commit()
			t.mu.Unlock()
		case <-t.member.Ready():
		case <-t.changed:
		case <-more:
		case <-t.member.Dead():
			return t.member.Err()
		case <-ctx.Done():
			return nil
		}
	}
}

// round stores a fetch of each partition, if there is one. It reports whether there
// was any.
func (t *thread) round(ctx context.Context, store Store[Record]) (any bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, h := range t.claims {
		b, ok := h.claim.Take()
		if !ok {
			continue
		}
		any = true
		records := make([]Record, len(b.Records))
		for i := range records {
			records[i] = b.Records[i].Record()
		}
		if !store(ctx, records) {
			return false
		}
		h.stored = b.Next
	}
	return any
}

// commit commits what is stored. An error is made good by the next one. t.mu is held.
func (t *thread) commit() {
	var points []kafkaio.Point
	var of []*held
	for _, h := range t.claims {
		if h.stored > h.committed {
			points = append(points, kafkaio.Point{Claim: h.claim, Offset: h.stored})
			of = append(of, h)
		}
	}
	if len(points) == 0 {
		return
	}
	for i, err := range t.member.Commit(points...) {
		t.member.Troubled(points[i].Claim.String(), err)
		if err == nil {
			of[i].committed = points[i].Offset
		}
	}
}

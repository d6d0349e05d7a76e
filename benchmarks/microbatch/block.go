package microbatch

import (
	"context"
	"iter"
	"sync"
	"time"
)

// A block is what a receiver took in a block interval.
type block[T any] struct {
	pieces  [][]T
	records int
}

// blocks are those that no batch has been given, and the one of now. The zero value
// is empty. Any goroutine may use it.
type blocks[T any] struct {
	mu      sync.Mutex
	due     time.Time // when the block of now ends
	cuts    []block[T]
	current block[T]
	total   int
}

func (bs *blocks[T]) add(records []T) {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	bs.current.pieces = append(bs.current.pieces, records)
	bs.current.records += len(records)
	bs.total += len(records)
}

// cutDue ends the block of now, if it is time. The clock of blocks and that of
// batches both call it, so that a batch has the block that ends with it.
func (bs *blocks[T]) cutDue(now time.Time, interval time.Duration) {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	if now.Before(bs.due) {
		return
	}
	if bs.due = bs.due.Add(interval); !now.Before(bs.due) {
		bs.due = now.Add(interval)
	}
	bs.cut()
}

// cutNow ends the block of now.
func (bs *blocks[T]) cutNow() {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	bs.cut()
}

// cut ends the block of now, if there is something in it. bs.mu is held.
func (bs *blocks[T]) cut() {
	if bs.current.records > 0 {
		bs.cuts = append(bs.cuts, bs.current)
		bs.current = block[T]{}
	}
}

// take takes the blocks that are cut.
func (bs *blocks[T]) take() []block[T] {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	taken := bs.cuts
	bs.cuts = nil
	for _, b := range taken {
		bs.total -= b.records
	}
	return taken
}

func (bs *blocks[T]) records() int {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	return bs.total
}

// blockRDD has a partition per block.
func blockRDD[T any](b *batch, blocks []block[T]) *RDD[T] {
	return &RDD[T]{
		batch: b, partitions: len(blocks), prepare: nothing,
		compute: func(t *Task, partition int) iter.Seq[T] {
			return func(yield func(T) bool) {
				for _, piece := range blocks[partition].pieces {
					if t.ctx.Err() != nil {
						return
					}
					for _, v := range piece {
						if !yield(v) {
							return
						}
					}
				}
			}
		},
	}
}

// A rateLimit bounds what goes through in a second. Any goroutine may use it.
type rateLimit struct {
	perSecond int // 0 is no bound

	mu   sync.Mutex
	next time.Time // when the next record may pass
}

// piece is how many of n records may go at once, so that each interval has its share.
func (l *rateLimit) piece(n int, interval time.Duration) int {
	if l.perSecond == 0 {
		return n
	}
	share := int(time.Duration(l.perSecond) * interval / time.Second)
	return min(n, max(share, 1))
}

// wait waits for the turn of n records. It reports false if ctx ended before.
func (l *rateLimit) wait(ctx context.Context, n int) bool {
	if l.perSecond == 0 {
		return ctx.Err() == nil
	}
	l.mu.Lock()
	now := time.Now()
	if l.next.Before(now) {
		l.next = now
	}
	turn := l.next
	l.next = turn.Add(time.Duration(n) * time.Second / time.Duration(l.perSecond))
	l.mu.Unlock()
	timer := time.NewTimer(turn.Sub(now))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

package cluster_test

import (
	"context"
	"sync"
	"time"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/tuple"
)

// partitions are a source as Kafka is one, in memory: of each partition what was
// emitted comes again after a failure, and a successor goes on behind what was
// committed. Task i reads partition i.
type partitions struct {
	length int           // of each
	every  time.Duration // between two records of a partition

	mu        sync.Mutex
	committed []int
	readers   []*reader
	overlaps  int // records that a reader emitted after its successor began
	failed    map[tuple.Kind]int
}

func newPartitions(n, length int, every time.Duration) *partitions {
	return &partitions{length: length, every: every, committed: make([]int, n), readers: make([]*reader, n), failed: map[tuple.Kind]int{}}
}

// New makes a task.
func (p *partitions) New() *reader {
	return &reader{source: p, acked: map[int]bool{}, again: make(chan int, 1<<16)}
}

func (p *partitions) done() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.committed {
		if c < p.length {
			return false
		}
	}
	return true
}

// A reader is a task of partitions.
type reader struct {
	source *partitions
	part   int
	acked  map[int]bool // under source.mu
	again  chan int
}

// record is a record's number over all partitions.
func (r *reader) record(offset int) int { return r.part*r.source.length + offset }

func (r *reader) Open(_ context.Context, task spout.Task) error {
	r.part = task.Index
	r.source.mu.Lock()
	defer r.source.mu.Unlock()
	r.source.readers[r.part] = r
	return nil
}

func (r *reader) Run(ctx context.Context, out *spout.Emitter[int]) error {
	r.source.mu.Lock()
	at := r.source.committed[r.part]
	r.source.mu.Unlock()
	pace := time.NewTicker(r.source.every)
	defer pace.Stop()
	for {
		next := pace.C
		if at == r.source.length {
			next = nil
		}
		offset := at
		select {
		case <-ctx.Done():
			return nil
		case offset = <-r.again:
		case <-next:
			at++
		}
		if !out.EmitID(r.record(offset), uint64(offset)) {
			return nil
		}
		r.source.mu.Lock()
		if r.source.readers[r.part] != r {
			r.source.overlaps++
		}
		r.source.mu.Unlock()
	}
}

func (r *reader) Ack(id uint64) {
	r.source.mu.Lock()
	defer r.source.mu.Unlock()
	r.acked[int(id)] = true
	for c := &r.source.committed[r.part]; r.acked[*c]; *c++ {
		delete(r.acked, *c)
	}
}

func (r *reader) Fail(id uint64, why tuple.Failure) {
	r.source.mu.Lock()
	r.source.failed[why.Kind]++
	r.source.mu.Unlock()
	if why.Kind != tuple.Shutdown {
		r.again <- int(id)
	}
}

// a hand holds its inputs until a tick, as a window does.
type hand struct{ held []bolt.Held }

func (h *hand) Every() time.Duration { return 20 * time.Millisecond }

func (h *hand) Execute(_ context.Context, v int, out *bolt.Collector[int]) error {
	held := out.Hold()
	out.Emit(v)
	h.held = append(h.held, held)
	return nil
}

func (h *hand) Tick(context.Context, *bolt.Collector[int]) error {
	tuple.AckAll(h.held)
	h.held = h.held[:0]
	return nil
}

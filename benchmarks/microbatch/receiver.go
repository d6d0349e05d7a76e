package microbatch

import (
	"context"
	"sync"
	"time"
)

// A Receiver brings records into the process. The context calls Open, then Receive
// on a goroutine of its own, and Close when Receive has returned and nothing more
// is wanted of it.
type Receiver[T any] interface {
	// Open connects. An error of the first Open is one of Start.
	Open(ctx context.Context) error
	// Receive calls store with records, from any goroutine, until ctx ends; the
	// slice is the store's then. It blocks for the rate limit, and reports false
	// if ctx ended before all were taken. An error of Receive is its death.
	Receive(ctx context.Context, store Store[T]) error
	// Close may be called again, also after an Open that failed.
	Close() error
}

// A Store takes what a receiver has received.
type Store[T any] = func(ctx context.Context, records []T) bool

// ReceiverOptions are what Spark's users came to want of receivers. The zero value
// is what they had.
type ReceiverOptions struct {
	// Restart opens a receiver that died again, after two seconds. Without, its
	// stream has no records from then on, and nobody is told.
	Restart bool
	// MaxRate is how many records a receiver takes in a second; 0 is no limit, so
	// that what comes in faster than it is processed fills the memory.
	MaxRate int
}

// restartDelay is between a receiver's death and its next life.
const restartDelay = 2 * time.Second

// receiving is an input stream with a receiver.
type receiving[T any] struct {
	ssc      *StreamingContext
	receiver Receiver[T]
	options  ReceiverOptions
	cancel   context.CancelFunc
	work     sync.WaitGroup
	closing  sync.Once
	closed   error
	limit    rateLimit
	received blocks[T] // not given to a batch yet, and the block of now

	mu    sync.Mutex
	given map[*batch][]block[T]
}

// ReceiverStream is a stream of what a receiver brings. Each block interval in which
// it brought something makes a block; the blocks that a batch interval saw are the
// partitions of its batch.
func ReceiverStream[T any](ssc *StreamingContext, receiver Receiver[T], options ReceiverOptions) *DStream[T] {
	in := &receiving[T]{
		ssc: ssc, receiver: receiver, options: options, given: map[*batch][]block[T]{},
		limit: rateLimit{perSecond: options.MaxRate},
	}
	ssc.inputs = append(ssc.inputs, in)
	return &DStream[T]{ssc, func(b *batch) *RDD[T] { return blockRDD(b, in.blocksOf(b)) }}
}

func (in *receiving[T]) start(ctx context.Context) error {
	if err := in.receiver.Open(ctx); err != nil {
		return err
	}
	ctx, in.cancel = context.WithCancel(ctx)
	in.received.due = time.Now().Add(in.ssc.conf.BlockInterval)
	in.work.Go(func() { in.supervise(ctx) })
	in.work.Go(func() { in.cut(ctx) })
	return nil
}

// supervise runs the receiver, again if that is wanted.
func (in *receiving[T]) supervise(ctx context.Context) {
	for {
		err := contain(func() error { return in.receiver.Receive(ctx, in.store) })
		if ctx.Err() != nil || err == nil || !in.options.Restart {
			return // without a word: that is the problem
		}
		for ; err != nil; err = in.receiver.Open(ctx) {
			in.ssc.conf.Log.Warn("microbatch: a receiver died and is restarted", "in", restartDelay, "err", err)
			_ = in.receiver.Close() // it is dead already, and err says why
			select {
			case <-time.After(restartDelay):
			case <-ctx.Done():
				return
			}
		}
	}
}

// store takes records, at the limited rate, in pieces that fit into a block.
func (in *receiving[T]) store(ctx context.Context, records []T) bool {
	for len(records) > 0 {
		n := in.limit.piece(len(records), in.ssc.conf.BlockInterval)
		if !in.limit.wait(ctx, n) {
			return false
		}
		in.received.add(records[:n:n])
		records = records[n:]
	}
	return true
}

// cut makes a block each block interval.
func (in *receiving[T]) cut(ctx context.Context) {
	ticker := time.NewTicker(in.ssc.conf.BlockInterval)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			in.received.cutDue(now, in.ssc.conf.BlockInterval)
		case <-ctx.Done():
			return
		}
	}
}

func (in *receiving[T]) allocate(b *batch) {
	in.received.cutDue(b.at, in.ssc.conf.BlockInterval)
	given := in.received.take()
	in.mu.Lock()
	defer in.mu.Unlock()
	in.given[b] = given
}

func (in *receiving[T]) plan(*batch) error { return nil }

func (in *receiving[T]) blocksOf(b *batch) []block[T] {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.given[b]
}

// finish forgets the blocks. It is too late for anything else: they are committed.
func (in *receiving[T]) finish(b *batch, _ error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	delete(in.given, b)
}

// stop ends the receiver; what it received since the last block is one more.
func (in *receiving[T]) stop() {
	in.closing.Do(func() {
		in.cancel()
		in.work.Wait()
		in.closed = in.receiver.Close()
		in.received.cutNow()
	})
}

func (in *receiving[T]) close() error {
	in.stop()
	return in.closed
}

func (in *receiving[T]) waiting() int {
	n := in.received.records()
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, given := range in.given {
		for _, b := range given {
			n += b.records
		}
	}
	return n
}

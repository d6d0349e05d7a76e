package reference

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/waterspout/waterspout/avro"
	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/internal/tweets"
	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/topology"
)

// errPoisoned fails a record the first time.
var errPoisoned = errors.New("reference: poisoned")

// poisoned makes of every so many tweets, by their numbers, one fail the first time
// that this process decodes it, and counts what was decoded. Nil does nothing.
type poisoned struct {
	every uint64
	seen  sync.Map // numbers that failed
	tasks []*poisonedDecoder
	mu    sync.Mutex // of tasks
}

// poisonAt is the place of the poisoned tweet among the every numbers of a block. It
// moves from block to block, so that no partition has them all.
func poisonAt(block, every uint64) uint64 {
	const stride = 7919 // a prime
	return block * stride % every
}

// Poisoned is how many of the tweets numbered from 0 to n are poisoned, of every so
// many one.
func Poisoned(n, every uint64) uint64 {
	blocks := n / every
	if poisonAt(blocks, every) < n%every {
		return blocks + 1
	}
	return blocks
}

// fails reports whether a tweet that was decoded is to fail.
func (p *poisoned) fails(t *tweets.Tweet) bool {
	i, err := numberOf(t.Username)
	n := uint64(i)
	if err != nil || n%p.every != poisonAt(n/p.every, p.every) {
		return false
	}
	_, failed := p.seen.LoadOrStore(n, true)
	return !failed
}

func (p *poisoned) count() (n uint64) {
	if p == nil {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.tasks {
		n += t.attempts.Load()
	}
	return n
}

func (p *poisoned) decode(raw topology.Stream[kafka.Record], tasks int) topology.Stream[tweets.Tweet] {
	if p == nil {
		return topology.Bolt(raw.By(grouping.Shuffle), "decode", avro.Decoder(tweetCodec, kafka.Value), topology.Parallelism(tasks))
	}
	return topology.Bolt(raw.By(grouping.Shuffle), "decode", p.task, topology.Parallelism(tasks))
}

func (p *poisoned) task() *poisonedDecoder {
	t := &poisonedDecoder{poisoned: p}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tasks = append(p.tasks, t)
	return t
}

// A poisonedDecoder is a task.
type poisonedDecoder struct {
	*poisoned
	attempts atomic.Uint64
	tweet    tweets.Tweet
}

// Execute implements bolt.Bolt.
func (d *poisonedDecoder) Execute(_ context.Context, in kafka.Record, out *bolt.Collector[tweets.Tweet]) error {
	d.attempts.Add(1)
	if err := tweetCodec.Decode(in.Value, &d.tweet); err != nil {
		return err
	}
	if d.fails(&d.tweet) {
		return errPoisoned
	}
	out.Emit(d.tweet)
	return nil
}

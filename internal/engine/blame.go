package engine

import (
	"log/slog"
	"sync"
	"time"

	"github.com/waterspout/waterspout/tuple"
)

// blameEvery is how often a blame is logged at most.
const blameEvery = 10 * time.Second

// A blame is failures that the log does not know of yet, of the trees of a spout task or
// of tuples without one: what fails is replayed, and may fail for ever, or was nobody's
// to replay, and is gone. Its methods may be called from any goroutine.
type blame struct {
	what string // fails
	log  *slog.Logger

	mu     sync.Mutex // guards all below
	untold int
	told   int64 // when it was logged, in run time; 0 is never
	last   tuple.Failure
}

// add notes a failure at a time of the run; the first is logged at once. What the topology
// itself does to trees as it ends, or as partitions go elsewhere, is not worth a word, and
// time-outs have their own.
func (b *blame) add(why *tuple.Failure, now int64) {
	switch why.Kind {
	case tuple.Shutdown, tuple.Revoked, tuple.Timeout:
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.untold++
	b.last = *why
	if b.told == 0 || now-b.told >= int64(blameEvery) {
		b.told = now
		b.sayLocked()
	}
}

// rest logs what was not yet.
func (b *blame) rest() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.untold > 0 {
		b.sayLocked()
	}
}

func (b *blame) sayLocked() {
	b.log.Warn(b.what, "number", b.untold, "last", b.last.Error())
	b.untold = 0
}

// lastFailure is the last failure on one line, "" if there was none.
func (b *blame) lastFailure() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.last == (tuple.Failure{}) {
		return ""
	}
	return b.last.Error()
}

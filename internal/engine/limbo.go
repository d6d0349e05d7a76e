package engine

import (
	"sync"

	"github.com/waterspout/waterspout/acker"
	"github.com/waterspout/waterspout/tuple"
)

// A limbo keeps what is said of trees whose spout instance is newer than the newest
// assignment that this worker knows. Dropped, it would be missed until the timeout.
// Any goroutine may call it.
type limbo struct {
	run *Run

	mu    sync.Mutex // guards what follows
	pairs []acker.Pair
	fails []failed
}

func (l *limbo) put(ps []acker.Pair) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sortLocked(ps, nil)
}

func (l *limbo) fail(root tuple.Root, why tuple.Failure) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sortLocked(nil, []failed{{root, why}})
}

// release sends what has a home now on its way.
func (l *limbo) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	pairs, fails := l.pairs, l.fails
	l.pairs, l.fails = nil, nil
	l.sortLocked(pairs, fails)
}

// sortLocked keeps what has no home yet. It looks at the homes of now, since a task
// may have found its home before they changed.
func (l *limbo) sortLocked(pairs []acker.Pair, fails []failed) {
	homes := l.run.homes.Load()
	for _, p := range pairs {
		switch i := homes.of(p.Root); {
		case i < 0:
		case homes.all[i].limbo != nil:
			l.pairs = append(l.pairs, p)
		default:
			homes.all[i].put([]acker.Pair{p})
		}
	}
	for _, f := range fails {
		switch i := homes.of(f.root); {
		case i < 0:
		case homes.all[i].limbo != nil:
			l.fails = append(l.fails, f)
		default:
			homes.all[i].fail(f.root, f.why)
		}
	}
}

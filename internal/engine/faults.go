package engine

import (
	"errors"
	"fmt"
	"sync"

	"github.com/waterspout/waterspout/tuple"
)

// Faults are what goes wrong in a run that no spout is told of, for test kits: it is
// logged, and a test has no log. The zero Faults is ready for use; its methods may be
// called from any goroutine, and on nil, which notes nothing.
type Faults struct {
	mu     sync.Mutex // guards what follows
	calls  []*mishap
	orphan *mishap
}

// A mishap is one kind of them: a call may fail a thousand times, once a tick.
type mishap struct {
	where string
	n     int
	first error
}

func (f *mishap) add(err error) {
	if f.n++; f.n == 1 {
		f.first = err
	}
}

func (f *mishap) err() error {
	return fmt.Errorf("%s failed, %d in all, the first with: %w", f.where, f.n, f.first)
}

// call notes that a call without an input failed.
func (f *Faults) call(t tuple.Task, what string, err error) {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	where := fmt.Sprintf("%s of %v", what, t)
	for _, known := range f.calls {
		if known.where == where {
			known.add(err)
			return
		}
	}
	f.calls = append(f.calls, &mishap{where, 1, err})
}

// lost notes that a tuple failed that is in no tree.
func (f *Faults) lost(why tuple.Failure) {
	if f == nil || why.Kind == tuple.Shutdown || why.Kind == tuple.Revoked {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.orphan == nil {
		f.orphan = &mishap{where: "a tuple without a tree"}
	}
	f.orphan.add(why)
}

// Calls are the calls of Tick and Drained that failed, joined, each task's once; nil if
// there are none.
func (f *Faults) Calls() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []error
	for _, c := range f.calls {
		all = append(all, c.err())
	}
	return errors.Join(all...)
}

// Orphans is the failure of tuples without a tree, such as a Tick emits; nil if none
// failed.
func (f *Faults) Orphans() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.orphan == nil {
		return nil
	}
	return f.orphan.err()
}

package engine

import (
	"sync"
	"sync/atomic"

	"github.com/waterspout/waterspout/internal/mesh"
)

// A place says where one task of a component is now. Senders look at it once per
// batch, and wait at it while the task is nowhere.
type place struct {
	now atomic.Pointer[spot] // never nil

	mu      sync.Mutex // guards over, and the change of now
	changed sync.Cond
	over    bool
}

// A spot is where a task is: a task here, a way to a peer, or neither yet.
type spot struct {
	here task
	away *mesh.Outlet
	due  mesh.Address // the instance that will be here
}

func newPlace() *place {
	p := &place{}
	p.changed.L = &p.mu
	p.now.Store(&spot{})
	return p
}

// move changes the place. Senders blocked on the way to the former one go on: a
// closed way takes nothing more, and what it took is on its way.
func (p *place) move(to *spot) {
	p.mu.Lock()
	was := p.now.Swap(to)
	p.mu.Unlock()
	if was.away != nil && was.away != to.away {
		was.away.Close()
	}
	p.changed.Broadcast()
}

// arrive makes the place that of t, if t is the instance that it waits for: the task
// may have moved on while t was opening.
func (p *place) arrive(t task, a mesh.Address) {
	p.mu.Lock()
	if now := p.now.Load(); now.due == a && now.away == nil {
		p.now.Store(&spot{here: t, due: a})
	}
	p.mu.Unlock()
	p.changed.Broadcast()
}

// leave makes the place empty if it is still that task here.
func (p *place) leave(t task) {
	p.mu.Lock()
	if now := p.now.Load(); now.here == t {
		p.now.Store(&spot{})
	}
	p.mu.Unlock()
	p.changed.Broadcast()
}

// end makes everybody stop waiting, for good.
func (p *place) end() {
	p.mu.Lock()
	p.over = true
	now := p.now.Load()
	p.mu.Unlock()
	if now.away != nil {
		now.away.Close() // somebody may wait for credit
	}
	p.changed.Broadcast()
}

// wait blocks until the task is somewhere else than was, and reports false when
// nobody waits any more.
func (p *place) wait(was *spot) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.now.Load() == was && !p.over {
		p.changed.Wait()
	}
	return !p.over
}

package engine

import (
	"sync"
	"sync/atomic"

	"github.com/waterspout/waterspout/internal/mesh"
	"github.com/waterspout/waterspout/tuple"
)

// A Stage is how far a task of a Site is.
type Stage int32

// The stages, in their order.
const (
	Opening Stage = iota
	Working
	Settled // of a spout: it emits no more, and every tree has ended
	Closing
)

// A tenant is one instance of a task on a Site, from its begin to its end. One
// goroutine takes it through its stages.
type tenant struct {
	site  *Site
	at    mesh.Address
	kind  kind
	task  task
	stage atomic.Int32
	open  bool // under Run.mu

	once    sync.Once
	release chan struct{} // closed: a settled spout may end
	moved   bool          // before that: the task goes on elsewhere
	cut     atomic.Bool
}

func (t *tenant) free(moved bool) {
	t.once.Do(func() {
		t.moved = moved
		close(t.release)
	})
}

// end makes the tenant return as soon as it can.
func (t *tenant) end() {
	t.cut.Store(true)
	t.task.hangUp() // first: what still comes is to be refused, not to wait in a box that nobody empties
	t.task.hurry()
	if s, ok := t.task.(interface{ giveUp() }); ok {
		s.giveUp()
	}
	t.free(false)
}

func (t *tenant) move(s Stage) {
	t.stage.Store(int32(s))
	t.site.poke()
}

// live is the tenant's goroutine.
func (t *tenant) live() {
	whole := false
	defer func() {
		if !whole {
			t.fail(errGoexit)
			t.desert()
		}
		t.site.links.Refuse(t.at)
		t.site.leave(t)
		t.site.poke()
	}()
	err := t.task.wire()
	if err == nil {
		err = protect(t.task.prepare)
	}
	if err == nil {
		t.work()
	} else if !t.cut.Load() { // what was cut while it opened is no failure
		t.fail(err)
	}
	t.move(Closing)
	if err := protect(t.task.finish); err != nil && !t.cut.Load() {
		t.site.logStack(err)
		t.site.log.Error("task did not close cleanly", "component", t.kind.comp.node.Name, "task", t.kind.index, "error", err)
	}
	whole = true
}

// desert lets those go who wait for a task whose goroutine user code has ended.
func (t *tenant) desert() {
	t.kind.comp.places[t.kind.index].leave(t.task)
	t.task.hurry()
	t.task.hangUp()
}

func (t *tenant) fail(err error) {
	t.site.Abort(&tuple.TaskError{Task: t.kind.comp.info(t.kind.index), Err: err})
}

// work is the time in which others see the task.
func (t *tenant) work() {
	t.site.mu.Lock()
	t.open = true
	t.site.refreshLocked()
	t.site.mu.Unlock()
	p := t.kind.comp.places[t.kind.index]
	if l, ok := t.task.(interface{ ackLane() *lane }); ok {
		t.spout(l.ackLane())
		return
	}
	p.arrive(t.task, t.at)
	t.kind.comp.moves.Add(1)
	t.site.links.Accept(t.at)
	t.move(Working)
	t.task.work()
	p.leave(t.task)
	t.kind.comp.moves.Add(1)
	if t.cut.Load() && !t.site.aborted.Load() {
		t.task.forsake(tuple.Failure{Kind: tuple.Lost, Component: t.kind.comp.node.Name, Text: "the task was ended before its turn"})
	}
}

// spout runs a spout task and its lane until it is told to end.
func (t *tenant) spout(l *lane) {
	var lane sync.WaitGroup
	lane.Go(l.guard)
	defer lane.Wait() // also if user code ends this goroutine
	defer l.end()
	t.move(Working)
	if !t.cut.Load() {
		t.task.work()
	}
	l.quiesce()
	t.move(Settled)
	<-t.release
	if t.moved {
		if err := protect(func() error { t.task.moved(); return nil }); err != nil {
			t.site.logStack(err)
		}
	}
}

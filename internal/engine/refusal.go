package engine

import (
	"slices"

	"github.com/waterspout/waterspout/tuple"
)

// A refusal is an emit, by its place in ids, that no task could get.
type refusal struct {
	place int
	why   tuple.Failure
}

// leave unlocks the emitter. A panic of a grouping ends here, and fails its value alone;
// one of other code goes on.
func (e *emitter[T]) leave() {
	if e.asking {
		e.asking = false
		e.takeBack()
		if p := recover(); p != nil {
			e.panicked(p)
		} else if e.placing != 0 { // the goroutine ends, so the emit has no answer
			n := len(e.ids) - 1
			e.ids, e.words = e.ids[:n], e.words[:n]
			e.room++
		}
	}
	e.mu.Unlock()
}

// takeBack takes back what was staged of the value before a grouping panicked: the tree
// that it will have fails at once. What has no tree goes where it could.
func (e *emitter[T]) takeBack() {
	if e.placing == 0 {
		return
	}
	for _, r := range e.routers {
		n := len(r.buf)
		for n > 0 && r.buf[n-1].Root == e.placing {
			n--
		}
		clear(r.buf[n:])
		r.buf, r.target = r.buf[:n], r.target[:n]
	}
	e.refused = slices.DeleteFunc(e.refused, func(r refusal) bool { return r.place == int(e.placing) })
}

// panicked refuses the value at which a grouping panicked with p. A spout whose values do
// nothing but that ends the topology, as a bolt does that panics.
func (e *emitter[T]) panicked(p any) {
	why := caught(p)
	word := e.refuse(tuple.Lineage{Link: tuple.Link{Root: e.placing}}, why)
	if e.placing != 0 {
		e.words[len(e.words)-1] = word
	}
	t := e.task
	e.panics++
	err := e.storm.add(why, t.run.now())
	e.exclusively(func() {
		logPanic(t.info, "grouping panicked", e.panics, why)
		if err != nil {
			t.run.Abort(&tuple.TaskError{Task: t.info, Err: err})
		}
	})
	e.sent()
}

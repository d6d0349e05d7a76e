package engine

import (
	"reflect"
	"sync/atomic"

	"github.com/waterspout/waterspout/tuple"
)

// A component is a node in a run.
type component struct {
	run   *Run
	node  *Node
	tasks []task
	cost  atomic.Int64 // nanoseconds that its tasks lately took per tuple; 0 is unknown
}

func (c *component) info(index int) tuple.Task {
	log := c.run.log.With("topology", c.run.name, "component", c.node.Name, "task", index)
	t := tuple.Task{Topology: c.run.name, Component: c.node.Name, Index: index, Count: c.node.Parallelism, Log: log}
	return t.WithCounters(&c.run.counters)
}

// A task is one running instance of a component, with its types erased.
type task interface {
	// wire joins the task's outputs to the inlets of others, once all exist.
	wire() error
	// prepare makes the user's object and opens it, work runs the task until
	// its input ends, finish closes the object. All on the task's goroutine.
	prepare() error
	work()
	finish() error
	// inlet is the mailbox of an input, as *mailbox.Box[tuple.Tuple[T]].
	inlet(i int) any
	// hasten makes a ticker tick now: the topology drains.
	hasten()
	// hangUp closes the task's inboxes: it ends when they are empty.
	hangUp()
	// hurry ends the waits of a task, and stops a spout's emits.
	hurry()
	// doing says what user code the task runs, for people.
	doing() string

	stats() *Task
}

func typeName[T any]() string { return reflect.TypeFor[T]().String() }

// counts are what one task counted. They are published once a batch.
type counts struct {
	emitted, executed, acked, dropped, unsent atomic.Uint64
	failed                                    [tuple.Kinds]atomic.Uint64
	busy                                      atomic.Int64 // nanoseconds
}

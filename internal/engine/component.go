package engine

import (
	"reflect"
	"sync/atomic"

	"github.com/waterspout/waterspout/internal/mesh"
	"github.com/waterspout/waterspout/tuple"
)

// A component is a node in a run.
type component struct {
	run   *Run
	node  *Node
	tasks []task       // of a run of one process: all of them
	first int          // the number of its first task in the topology
	cost  atomic.Int64 // nanoseconds that its tasks here lately took per tuple; 0 is unknown

	// of a run of many workers
	places []*place
	moves  atomic.Uint64 // counts the changes of places
	abroad atomic.Uint64 // tuples that its tasks sent to other workers
}

func (c *component) info(index int) tuple.Task {
	log := c.run.log.With("topology", c.run.name, "component", c.node.Name, "task", index)
	t := tuple.Task{Topology: c.run.name, Component: c.node.Name, Index: index, Count: c.node.Parallelism, Cluster: c.run.opts.Cluster, Log: log}
	return t.WithCounters(&c.run.counters)
}

// price is what a tuple costs the component's tasks in nanoseconds: what those here
// took or, if there never were any, the most that a worker says of its own. Without
// that all that leads to tasks elsewhere would go tuple by tuple.
func (c *component) price() int64 {
	cost := c.cost.Load()
	if cost > 0 {
		return cost
	}
	for _, p := range c.places {
		if away := p.now.Load().away; away != nil {
			cost = max(cost, away.Cost())
		}
	}
	return cost
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
	// inlet is the mailbox of an input, as *mailbox.Box[tuple.Tuple[T]], and
	// deliver takes tuples from another worker for it, without blocking.
	inlet(i int) any
	deliver(i int, p mesh.Parcel) bool
	// hasten makes a ticker tick now: the topology drains.
	hasten()
	// hangUp closes the task's inboxes: it ends when they are empty.
	hangUp()
	// hurry makes a bolt return, and a spout stop emitting and waiting.
	hurry()
	// pause keeps a spout from emitting until it is called with false.
	pause(bool)
	// moved tells a spout, before finish, that the task goes on elsewhere.
	moved()
	// forsake fails what a bolt has staged or did not execute (T3).
	forsake(why tuple.Failure)
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

// local are the indexes of the tasks that are in this process.
func (c *component) local() []int {
	local := make([]int, 0, len(c.tasks)+len(c.places))
	for i := range c.tasks {
		local = append(local, i)
	}
	for i, p := range c.places {
		if p.now.Load().here != nil {
			local = append(local, i)
		}
	}
	return local
}

package engine

import (
	"errors"
	"fmt"
	"slices"

	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/tuple"
)

const (
	// chunk is the most tuples that wait in a router.
	chunk = 256
	// stint is how much of a receiver's work, in nanoseconds, is sent to it
	// in one run, and how much of its own work a task does between two
	// flushes: enough to make a hand-over cheap, too little to be late.
	stint = 256_000
	// few tuples to a target on end are sorted by target first.
	few = 16
)

// run is how many tuples of the given cost in nanoseconds make a stint. An
// unknown cost makes runs of one, which spread.
func run(cost int64) int {
	if cost <= 0 {
		return 1
	}
	return int(min(max(stint/cost, 1), chunk))
}

// A sink takes tuples for one task: its mailbox, or what leads to it. Put and
// Gather block while it is full and report false when it is closed.
type sink[T any] interface {
	Put(ts []tuple.Tuple[T]) bool
	Gather(ts []tuple.Tuple[T], order []int32) bool
	Full() bool
	Load() int
}

// A router spreads one task's tuples of one stream over the tasks that read it.
// It belongs to the task's goroutine, or to whoever holds the emitter.
type router[T any] struct {
	group  grouping.Grouping[T]
	choose grouping.Chooser[T]
	local  []int  // indexes of the tasks in this process
	moves  uint64 // of the component's, that local knows of
	to     *component
	sinks  []sink[T]

	buf    []tuple.Tuple[T]
	target []int32 // of each in buf
	turns  int     // how often a target differs from the one before
	limit  int     // flush at this length

	sizes []int32 // scratch of scatter
	order []int32
}

func newRouter[T any](e edge[T], to *component, sinks []sink[T]) *router[T] {
	return &router[T]{group: e.group, to: to, sinks: sinks, limit: 1, sizes: make([]int32, len(sinks)+1)}
}

// ask asks the grouping for its Chooser. It is asked once, since a Chooser may have state.
func (r *router[T]) ask() (err error) {
	defer contain("it", &err)
	to := grouping.Targets{
		Count: len(r.sinks),
		Local: r.here(),
		Load:  func(i int) int { return r.sinks[i].Load() },
		Run:   func() int { return run(r.to.price()) },
	}
	if len(r.to.places) > 0 {
		to.Here = r.here
	}
	choose := r.group(to)
	if choose == nil {
		return errors.New("it returned a nil Chooser")
	}
	r.choose = choose
	return nil
}

// here are the indexes of the tasks in this process, looked up again if some have moved.
func (r *router[T]) here() []int {
	if moves := r.to.moves.Load(); r.local == nil || r.moves != moves {
		r.local, r.moves = r.to.local(), moves
	}
	return r.local
}

// stage adds a tuple for target i and reports whether the router is full. The value
// comes by pointer on its whole way here, since a record is 128 bytes; who makes it in
// next saves the copy.
func (r *router[T]) stage(i int, v *T, lin tuple.Lineage) (full bool) {
	if next := r.next(); next != v {
		*next = *v
	}
	n := len(r.buf)
	r.buf = r.buf[:n+1]
	r.buf[n].Lineage = lin
	if n > 0 && int(r.target[n-1]) != i {
		r.turns++
	}
	r.target = append(r.target, int32(i))
	return n+1 >= r.limit
}

// next is where the value to be staged next will be, with an old one.
func (r *router[T]) next() *T {
	n := len(r.buf)
	if n == cap(r.buf) {
		r.buf = slices.Grow(r.buf, max(n, 16))
	}
	return &r.buf[:n+1][n].Value
}

// lastEdge is the edge of the tuple staged last, which may change until the next call
// of stage or flush.
func (r *router[T]) lastEdge() *uint64 { return &r.buf[len(r.buf)-1].Edge }

// wrong is the error of a grouping that chose i, which is no task.
func (r *router[T]) wrong(i int) error {
	if i == grouping.None {
		return fmt.Errorf("the grouping found no task of component %s", r.to.node.Name)
	}
	return fmt.Errorf("the grouping chose task %d of component %s, which has %d", i, r.to.node.Name, len(r.sinks))
}

func (r *router[T]) valid(i int) bool { return uint(i) < uint(len(r.sinks)) }

// blocked reports whether a flush would block.
func (r *router[T]) blocked() bool {
	last := int32(-1)
	for _, i := range r.target {
		if i != last && r.sinks[i].Full() {
			return true
		}
		last = i
	}
	return false
}

// rest calls f with the roots of what is staged.
func (r *router[T]) rest(f func(tuple.Root)) {
	for i := range r.buf {
		roots(&r.buf[i].Lineage, f)
	}
}

// flush hands over what is staged. It may block.
func (r *router[T]) flush() {
	if len(r.buf) > 0 {
		r.hand()
		r.drop()
	}
}

// hand hands over what is staged, which stays until drop. It may block. Closed sinks
// swallow their tuples: they close only when the run is aborted, which ends every tree.
func (r *router[T]) hand() {
	if r.turns*few <= len(r.buf) {
		r.stretches()
	} else {
		r.scatter()
	}
}

// drop forgets what is staged, and looks at what a tuple costs by now.
func (r *router[T]) drop() {
	clear(r.buf)
	r.buf = r.buf[:0]
	r.target = r.target[:0]
	r.turns = 0
	r.limit = run(r.to.price())
}

// stretches hands over tuples as they stand: so many for one target, so many for the
// next.
func (r *router[T]) stretches() {
	from := 0
	for i := 1; i <= len(r.buf); i++ {
		if i == len(r.buf) || r.target[i] != r.target[from] {
			r.sinks[r.target[from]].Put(r.buf[from:i])
			from = i
		}
	}
}

// scatter is a counting sort by target, so that each sink is locked once and
// each tuple copied once.
func (r *router[T]) scatter() {
	clear(r.sizes)
	for _, i := range r.target {
		r.sizes[i+1]++
	}
	for i := 1; i < len(r.sizes); i++ {
		r.sizes[i] += r.sizes[i-1]
	}
	if cap(r.order) < len(r.buf) {
		r.order = make([]int32, max(len(r.buf), chunk))
	}
	order := r.order[:len(r.buf)]
	for k, i := range r.target {
		order[r.sizes[i]] = int32(k)
		r.sizes[i]++
	}
	from := int32(0)
	for i, s := range r.sinks {
		if to := r.sizes[i]; to > from {
			s.Gather(r.buf, order[from:to])
			from = to
		}
	}
}

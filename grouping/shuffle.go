package grouping

import "math/rand/v2"

// slack is how many runs may wait for a task before it counts as behind: that is
// half a millisecond of work, and hides what is on its way to another process. Where
// a run is one tuple, since each is much work, none may.
const slack = 2

// scan is how many tasks a shuffle compares before a run. It bounds the cost of a
// choice among very many tasks; the rotation reaches the others.
const scan = 32

// Shuffle spreads tuples evenly over all tasks, wherever they run. It sends a run
// of tuples to one task ([Targets].Run), then moves on to the next in rotation that
// has no more than two runs to do, or else to the one with the least load among 32;
// so it is a round robin of runs, and a task that falls behind is passed over.
// Each sender starts at a random task, so that many senders do not march in step.
func Shuffle[T any](to Targets) Chooser[T] {
	return spread[T](&rotation{count: to.Count, size: to.Count, load: to.Load, run: to.Run})
}

// LocalOrShuffle is [Shuffle] over the tasks in the sender's own process, or over
// all if there are none. It saves the wire, and spreads only as well as the senders
// are spread over the processes. Tasks that come and go count from the next run.
func LocalOrShuffle[T any](to Targets) Chooser[T] {
	r := &rotation{count: to.Count, load: to.Load, run: to.Run}
	r.walk(to.Local)
	if to.Count > 1 {
		r.here = to.Here
	}
	return spread[T](r)
}

// A rotation walks around the tasks in among, or all tasks if that is nil.
type rotation struct {
	count int // of all tasks
	among []int
	size  int          // of among
	pos   int          // the place of the current task
	left  int          // of the run
	here  func() []int // what to walk around at each run, if that changes
	load  func(int) int
	run   func() int
}

// walk makes the rotation one around local, or around all tasks if that has none or all.
func (r *rotation) walk(local []int) {
	if r.among, r.size = local, len(local); r.size == 0 || r.size == r.count {
		r.among, r.size = nil, r.count
	}
}

func spread[T any](r *rotation) Chooser[T] {
	if r.size <= 1 && r.here == nil {
		only := r.task(0)
		return func(T) int { return only }
	}
	r.pos = rand.IntN(r.size)
	return func(T) int {
		if r.left == 0 {
			r.advance()
		}
		r.left--
		return r.task(r.pos)
	}
}

func (r *rotation) task(pos int) int {
	if r.among == nil {
		return pos
	}
	return r.among[pos]
}

func (r *rotation) after(pos int) int {
	if pos++; pos < r.size {
		return pos
	}
	return 0
}

// advance starts a run at the best of the next tasks. The current one is compared
// last: it wins only if all others have more to do.
func (r *rotation) advance() {
	r.left = 1
	if r.run != nil {
		r.left = max(r.run(), 1)
	}
	if r.here != nil {
		r.walk(r.here())
	}
	pos := r.after(r.pos)
	r.pos = pos
	if r.load == nil || r.size == 1 {
		return
	}
	least := r.load(r.task(pos))
	for range min(scan, r.size) - 1 {
		if least <= slack*(r.left-1) {
			return // not behind, whatever the others have
		}
		pos = r.after(pos)
		if load := r.load(r.task(pos)); load < least {
			least, r.pos = load, pos
		}
	}
}

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
func Shuffle[T any](to Targets) Chooser[T] { return spread[T](to, nil) }

// LocalOrShuffle is [Shuffle] over the tasks in the sender's own process, or over
// all if there are none. It saves the wire, and spreads only as well as the senders
// are spread over the processes.
func LocalOrShuffle[T any](to Targets) Chooser[T] {
	if len(to.Local) == 0 || len(to.Local) == to.Count {
		return spread[T](to, nil)
	}
	return spread[T](to, to.Local)
}

// A rotation walks around the tasks in among, or all tasks if that is nil.
type rotation struct {
	among []int
	size  int
	pos   int // the place of the current task
	left  int // of the run
	load  func(int) int
	run   func() int
}

func spread[T any](to Targets, among []int) Chooser[T] {
	r := &rotation{among: among, size: to.Count, load: to.Load, run: to.Run}
	if among != nil {
		r.size = len(among)
	}
	if r.size <= 1 {
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
	pos := r.after(r.pos)
	r.pos = pos
	if r.load == nil {
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

package engine

// glance is after how many inputs a task looks at the clock: when their cost jumps
// in the middle of a stretch, so many are late at most.
const glance = 16

// A pace divides a batch into stretches, between which a task lets go of what is
// staged. Its times are in nanoseconds.
type pace struct {
	left    int // inputs until the next look
	ahead   int // inputs of the stretch behind that look
	size    int // of the stretch
	start   int64
	blocked int64 // of the task, at the start
}

func (p *pace) begin(size int, now, blocked int64) {
	*p = pace{left: min(size, glance), ahead: max(size-glance, 0), size: size, start: now, blocked: blocked}
}

// look reports whether the stretch is over, and what an input cost in it.
func (p *pace) look(now, blocked int64) (cost int64, over bool) {
	worked := now - p.start - (blocked - p.blocked)
	if p.ahead > 0 && worked < 2*stint {
		p.left = min(p.ahead, glance)
		p.ahead -= p.left
		return 0, false
	}
	return max(worked/int64(max(p.size-p.ahead, 1)), 1), true
}

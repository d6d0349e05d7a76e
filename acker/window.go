package acker

// floor is the least number of trees that a window lets open.
const floor = 16

// stretch bounds how far false timeouts raise the timeout.
const stretch = 10

// A Window is how many trees a spout task may have open, and how long they may
// take, as timeouts teach it. A fixed number livelocks when the queue in front
// of a slow stage takes longer than the timeout: every tree dies just before
// its turn (O1). Times are in nanoseconds. Make one with [NewWindow].
type Window struct {
	max, size, acked int
	timeout, limit   int64
	halved           int64 // when size was last halved
}

// NewWindow makes a window of max open trees that time out after timeout.
func NewWindow(max int, timeout int64) *Window {
	return &Window{max: max, size: max, timeout: timeout, limit: stretch * timeout, halved: -1e9}
}

// Size is how many trees may be open now.
func (w *Window) Size() int { return w.size }

// Timeout is how long a tree may stay without progress.
func (w *Window) Timeout() int64 { return w.timeout }

// Expired says that trees timed out at now: the size is halved, at most once a
// second, down to 16 or max.
func (w *Window) Expired(now int64) {
	if now-w.halved < 1e9 {
		return
	}
	w.halved = now
	w.acked = 0
	w.size = max(w.size/2, min(floor, w.max))
}

// Acked says that n trees were done: a size that was halved grows by one
// sixteenth for every window full of them.
func (w *Window) Acked(n int) {
	if w.size >= w.max {
		return
	}
	w.acked += n
	for w.acked >= w.size && w.size < w.max {
		w.acked -= w.size
		w.size = min(w.size+max(w.size/16, 1), w.max)
	}
}

// False says that a tree that had timed out was done after all: the timeout
// grows by half, up to ten times what was declared (O3).
func (w *Window) False() { w.timeout = min(w.timeout+w.timeout/2, w.limit) }

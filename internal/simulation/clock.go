package simulation

import "time"

const (
	never  = int64(1<<63 - 1)
	second = int64(time.Second)
	milli  = int64(time.Millisecond)
)

// An event happens at a time; of several at the same time the one that was planned
// first is first.
type event struct {
	at, number int64
	f          func()
}

func (e event) before(f event) bool { return e.at < f.at || e.at == f.at && e.number < f.number }

// A clock is virtual time: a heap of what is to happen.
type clock struct {
	now, count int64
	heap       []event
}

// after plans f.
func (c *clock) after(d int64, f func()) {
	c.count++
	c.heap = append(c.heap, event{c.now + max(d, 0), c.count, f})
	for i := len(c.heap) - 1; i > 0; {
		parent := (i - 1) / 2
		if !c.heap[i].before(c.heap[parent]) {
			return
		}
		c.heap[i], c.heap[parent] = c.heap[parent], c.heap[i]
		i = parent
	}
}

// step lets the next event happen, and reports whether there was one.
func (c *clock) step() bool {
	n := len(c.heap) - 1
	if n < 0 {
		return false
	}
	e := c.heap[0]
	c.heap[0], c.heap[n] = c.heap[n], event{}
	c.heap = c.heap[:n]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < n; child++ {
			if c.heap[child].before(c.heap[least]) {
				least = child
			}
		}
		if least == i {
			break
		}
		c.heap[i], c.heap[least] = c.heap[least], c.heap[i]
		i = least
	}
	c.now = e.at
	e.f()
	return true
}

// epoch is when virtual time begins, for machines that want a time.Time.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func date(at int64) time.Time { return epoch.Add(time.Duration(at)) }

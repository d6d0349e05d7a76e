//go:build unix

package faults

import (
	"sync"
	"time"
)

// A control is a goroutine that wants nothing but to be woken every beat. How late it is
// is what a busy machine takes from everybody, and no fault of the workers.
type control struct {
	quit  chan struct{}
	group sync.WaitGroup

	mu   sync.Mutex // guards the rest
	late []lateness
}

// A lateness is how late a beat was, at a time.
type lateness struct {
	at time.Time
	by time.Duration
}

const beat = 10 * time.Millisecond

func newControl() *control {
	c := &control{quit: make(chan struct{})}
	c.group.Go(c.run)
	return c
}

func (c *control) run() {
	timer := time.NewTimer(beat)
	defer timer.Stop()
	for last := time.Now(); ; {
		select {
		case <-timer.C:
		case <-c.quit:
			return
		}
		now := time.Now()
		c.note(now, now.Sub(last)-beat)
		last = now
		timer.Reset(beat)
	}
}

// note keeps what is late by more than a timer is on a quiet machine.
func (c *control) note(at time.Time, by time.Duration) {
	if by < beat/2 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.late = append(c.late, lateness{at, by})
}

// stalled is how much later all was between two times.
func (c *control) stalled(from, to time.Time) (sum time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.late {
		if l.at.After(from) && !l.at.After(to) {
			sum += l.by
		}
	}
	return sum
}

func (c *control) close() {
	close(c.quit)
	c.group.Wait()
}

package mesh

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/waterspout/waterspout/internal/frame"
	"github.com/waterspout/waterspout/internal/link"
)

// A clock is when the mesh has to look at its links next. While nothing is
// unreleased and nobody blocked that is never: then nothing runs.
type clock struct {
	next atomic.Int64
	wake chan struct{}
}

const never = math.MaxInt64

// at has the links looked at at that time, or before. It costs a load if that
// will happen anyway.
func (c *clock) at(t int64) {
	if c.lower(t) {
		select {
		case c.wake <- struct{}{}:
		default:
		}
	}
}

func (c *clock) lower(t int64) bool {
	for {
		next := c.next.Load()
		if t >= next {
			return false
		}
		if c.next.CompareAndSwap(next, t) {
			return true
		}
	}
}

// watch is the goroutine that looks at the links in time.
func (m *Mesh) watch() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var loss link.Loss
	for {
		// From here on, at is for the next look, so that none is missed.
		m.clock.next.Store(never)
		now := m.now()
		for _, p := range m.all() {
			m.clock.lower(p.tick(now, &loss))
		}
		var due <-chan time.Time
		if next := m.clock.next.Load(); next != never {
			timer.Reset(time.Duration(max(next-m.now(), 0)))
			due = timer.C
		}
		select {
		case <-m.ctx.Done():
			return
		case <-m.clock.wake:
		case <-due:
		}
	}
}

// tick does what is due on all links of a peer, and returns when to look again.
func (p *Peer) tick(now int64, loss *link.Loss) int64 {
	next := int64(never)
	p.mesh.inHand.Add(1) // before anything is given up
	for l := range frame.Links {
		for _, t := range []int64{p.halves()[l].tick(now, loss), p.in[l].tick(now)} {
			if t != 0 {
				next = min(next, t)
			}
		}
		if loss.Frames > 0 {
			p.mesh.config.Log.Warn("a worker was silent; what was sent to it and not confirmed has failed",
				"peer", p.name, "frames", loss.Frames)
			p.mesh.lost(loss)
		}
	}
	p.mesh.inHand.Add(-1)
	p.mesh.released()
	return next
}

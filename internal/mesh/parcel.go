package mesh

import (
	"math"

	"github.com/waterspout/waterspout/internal/frame"
	"github.com/waterspout/waterspout/tuple"
)

// A Parcel is the tuples of one section, in the inbox of a task.
type Parcel struct {
	Body  []byte // Count tuples, to be read with frame.NewTuples; the receiver's
	Count int

	account *account
	epoch   uint32
	size    int
}

// Done says that the task has taken the parcel out of its inbox, which gives its
// credit back, and what a tuple lately took it, in nanoseconds, 0 if that is not
// known. It is called once, from any goroutine, and does not block. The zero Parcel
// has nothing to give back.
func (p Parcel) Done(cost int64) {
	if p.account == nil {
		return
	}
	in := p.account.in
	window, now := in.peer.mesh.window.Load(), in.peer.mesh.now()
	in.mu.Lock()
	defer in.mu.Unlock()
	p.account.Done(p.epoch, p.size, p.Count)
	if cost > 0 {
		p.account.cost = uint32(min(cost, math.MaxUint32))
	}
	if !p.account.accepted {
		in.dropLocked(p.account)
		return
	}
	if p.account.Urgent(window) {
		in.urgentLocked()
	} else {
		in.laterLocked(now)
	}
}

// Roots appends the roots of all links of the tuples to dst.
func (p Parcel) Roots(dst []tuple.Root) []tuple.Root { return frame.AppendRoots(dst, p.Body) }

package mailbox

import "sync/atomic"

const (
	running int32 = iota
	parked
)

// A Park is where one receiver sleeps until one of its boxes, or anything else
// it waits for, wakes it.
type Park struct {
	state atomic.Int32
	wake  chan struct{}
}

// NewPark makes a park for one receiver.
func NewPark() *Park { return &Park{wake: make(chan struct{}, 1)} }

// Wake wakes the receiver if it sleeps. The caller first makes true what the
// receiver's ready reports. It never blocks, and costs one atomic load while
// the receiver runs.
func (p *Park) Wake() {
	if p.state.Load() == parked && p.state.CompareAndSwap(parked, running) {
		p.wake <- struct{}{} // has room: only the one who swapped sends
	}
}

// Wait sleeps until ready reports true. It is for the receiver alone. ready
// must read what others write atomically.
func (p *Park) Wait(ready func() bool) {
	for !ready() {
		p.state.Store(parked)
		// Whoever made ready true before the store did not see us parked.
		if ready() && p.state.CompareAndSwap(parked, running) {
			return
		}
		<-p.wake
	}
}

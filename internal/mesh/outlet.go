package mesh

import (
	"sync"
	"sync/atomic"

	"github.com/waterspout/waterspout/internal/frame"
	"github.com/waterspout/waterspout/internal/link"
	"github.com/waterspout/waterspout/transport"
	"github.com/waterspout/waterspout/tuple"
)

// MaxBody is the largest body of a section in bytes.
const MaxBody = transport.MaxFrame - 1<<10

// A Section is tuples for one inlet of one task instance.
type Section struct {
	Inlet int          // 0 to 65535
	Body  []byte       // Count tuples, each frame.AppendLineage and a value
	Count int          // more than 0
	Roots []tuple.Root // of all links of the tuples
}

// An Outlet is the way to one task instance on a peer. Its methods may be called
// from any goroutine.
type Outlet struct {
	data *dataOut
	to   Address
	full atomic.Bool
	load atomic.Int64
	cost atomic.Int64

	grant     sync.Cond // its lock is the dataOut's, which guards all below
	credit    link.Credit
	closed    bool
	used      bool // somebody asked for it
	repairing bool // its position is queued, to be told again
}

// Send takes a section, of which it keeps nothing. It blocks while there is no
// credit. False says that the outlet or the peer is closed, or Body longer than
// MaxBody; then nothing was sent.
func (o *Outlet) Send(s Section) bool {
	if len(s.Body) > MaxBody {
		return false
	}
	d := o.data
	d.mu.Lock()
	for !o.credit.Open() && !o.goneLocked() {
		o.grant.Wait()
	}
	if o.goneLocked() {
		d.mu.Unlock()
		return false
	}
	position, tuples := o.credit.Take(len(s.Body), s.Count)
	d.appendLocked(o.to, position, tuples, s)
	o.publishLocked()
	full := !o.credit.Open()
	d.mu.Unlock()
	d.todo.set(work)
	if full {
		d.watch()
	}
	return true
}

func (o *Outlet) goneLocked() bool { return o.closed || o.data.ended }

// publishLocked shows what Full and Load read.
func (o *Outlet) publishLocked() {
	o.full.Store(!o.credit.Open() && !o.goneLocked())
	o.load.Store(int64(o.credit.Load()))
}

func (o *Outlet) grantLocked(g frame.Grant) {
	had := o.credit.Open()
	o.credit.Grant(g.Limit, g.Tuples)
	o.cost.Store(int64(g.Cost))
	o.publishLocked()
	if !had && o.credit.Open() {
		o.grant.Broadcast()
	}
}

// Full reports whether Send would block now.
func (o *Outlet) Full() bool { return o.full.Load() }

// Load is how many tuples were sent and not reported as taken out of the inbox
// there, a few tens of milliseconds ago.
func (o *Outlet) Load() int { return int(o.load.Load()) }

// Cost is what a tuple lately took the task there, in nanoseconds, as Load; 0 if it
// did not say.
func (o *Outlet) Cost() int64 { return o.cost.Load() }

// Close releases blocked Sends, with false: the task moved. What was taken is
// still sent. The outlet stays closed, and so does that of each earlier instance of
// the task, for whoever asks for it from now on. It may be called twice.
func (o *Outlet) Close() {
	o.data.mu.Lock()
	o.closed = true
	o.publishLocked()
	o.data.closeLocked(o.to)
	o.data.mu.Unlock()
	o.grant.Broadcast()
}

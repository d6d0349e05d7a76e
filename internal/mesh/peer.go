package mesh

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waterspout/waterspout/acker"
	"github.com/waterspout/waterspout/internal/frame"
	"github.com/waterspout/waterspout/internal/link"
	"github.com/waterspout/waterspout/internal/mailbox"
	"github.com/waterspout/waterspout/tuple"
)

// A Peer is another worker. Its methods may be called from any goroutine, also
// when it is none any more: then what it is given is dropped, since the ledgers
// that it had are gone.
type Peer struct {
	mesh   *Mesh
	name   string
	ctx    context.Context
	cancel context.CancelFunc
	heard  atomic.Int64
	doubts atomic.Uint64 // when it last said so; 0 if it said otherwise since
	told   told

	data   dataOut
	acks   ackOut
	in     [frame.Links]inbound
	say    todo                       // for the goroutine of the control lane
	strays [frame.Links]atomic.Uint64 // the epoch that it should know to be foreign (K6)

	markMu sync.Mutex // guards mark
	mark   mark
}

// A todo is bits of what a goroutine has to do, and where it sleeps.
type todo struct {
	bits  atomic.Uint32
	park  *mailbox.Park
	ready func() bool
}

func (t *todo) init() {
	t.park = mailbox.NewPark()
	t.ready = func() bool { return t.bits.Load() != 0 }
}

func (t *todo) set(bits uint32) {
	t.bits.Or(bits)
	t.park.Wake()
}

func (t *todo) wait() uint32 {
	t.park.Wait(t.ready)
	return t.bits.Swap(0)
}

// What the goroutine of a lane has to do. Those of links are shifted by the link.
const (
	over     uint32 = 1 << iota // end
	work                        // send what is queued
	beat                        // say the last sequence again
	ping                        // the rest is for the control lane
	pong                        //
	hello                       // and its like for the acks
	_                           //
	offer                       //
	_                           //
	report                      //
	_                           //
	stranger                    //
)

func (m *Mesh) newPeerLocked(name string) *Peer {
	p := &Peer{mesh: m, name: name}
	p.ctx, p.cancel = context.WithCancel(m.ctx)
	p.say.init()
	for l := range p.in {
		p.in[l] = inbound{peer: p, link: frame.Link(l), accounts: map[Address]*account{}}
	}
	for a := range m.accepted {
		p.in[frame.DataLink].accept(a)
	}
	p.data.init(p)
	p.acks.init(p)
	if m.mark != (mark{}) {
		p.data.sendMark(m.mark)
	}
	return p
}

// begin says hello and starts the goroutines.
func (p *Peer) begin() {
	var nothing link.Loss
	p.data.renew(&nothing)
	p.acks.renew(&nothing)
	p.mesh.group.Go(p.data.run)
	p.mesh.group.Go(p.converse)
}

// end gives the peer up. What it adds to loss are the roots of all that was not
// released.
func (p *Peer) end(loss *link.Loss) {
	p.cancel()
	p.data.end(loss)
	p.acks.end(loss)
	p.data.todo.set(over)
	p.say.set(over)
}

// Name is its member id.
func (p *Peer) Name() string { return p.name }

// Outlet is the way to a task instance there, the same for equal addresses until it
// is closed. Instances of one task are numbered in the order in which they are asked for.
func (p *Peer) Outlet(a Address) *Outlet { return p.data.outlet(a) }

// Pairs queues pairs for ledgers there, without bound; it never blocks. ps is not
// kept.
func (p *Peer) Pairs(ps []acker.Pair) { p.acks.pair(ps) }

// Fail queues a failure for a ledger there, as Pairs does. Texts of more than
// 1 KiB are cut.
func (p *Peer) Fail(root tuple.Root, why tuple.Failure) { p.acks.fail(root, why) }

// Marked is the newest mark that came from it, zero if none did.
func (p *Peer) Marked() (revision uint64, phase int) {
	p.markMu.Lock()
	defer p.markMu.Unlock()
	return p.mark.revision, p.mark.phase
}

// marked takes in a mark, and reports whether it is newer than the last.
func (p *Peer) marked(next mark) bool {
	p.markMu.Lock()
	defer p.markMu.Unlock()
	newer := p.mark.less(next)
	if newer {
		p.mark = next
	}
	return newer
}

// Heard is when anything valid last came from it; the zero time if nothing did.
func (p *Peer) Heard() time.Time {
	at := p.heard.Load()
	if at == 0 {
		return time.Time{}
	}
	return p.mesh.start.Add(time.Duration(at))
}

// Doubts is when it last answered a Ping with a doubt of its own lease; the zero time
// if it did not, or no longer does.
func (p *Peer) Doubts() time.Time {
	at := p.doubts.Load()
	if at == 0 {
		return time.Time{}
	}
	return p.mesh.start.Add(time.Duration(at))
}

// Ping asks for a sign of life on the control lane, which Heard and Doubts show.
func (p *Peer) Ping() { p.say.set(ping) }

package mesh

import (
	"maps"
	"sync"

	"github.com/waterspout/waterspout/internal/frame"
	"github.com/waterspout/waterspout/internal/link"
	"github.com/waterspout/waterspout/transport"
)

// A dataOut is what is sent to a peer on the data lane.
type dataOut struct {
	half
	own todo

	// guarded by the half's lock
	next    load
	outlets map[Address]*Outlet
	closed  map[uint32]uint32 // by task: the last instance that moved away
	mark    mark

	sent load // of the goroutine that sends
}

func (d *dataOut) init(p *Peer) {
	d.peer, d.link, d.lane = p, frame.DataLink, transport.Data
	d.queue, d.todo = d, &d.own
	d.own.init()
	d.outlets, d.closed = map[Address]*Outlet{}, map[uint32]uint32{}
}

func (d *dataOut) outlet(a Address) *Outlet {
	d.mu.Lock()
	o := d.outletLocked(a)
	o.used = true
	full := !o.credit.Open()
	d.mu.Unlock()
	if full {
		d.watch()
	}
	return o
}

func (d *dataOut) outletLocked(a Address) *Outlet {
	o := d.outlets[a]
	if o == nil {
		o = &Outlet{data: d, to: a, grant: sync.Cond{L: &d.mu}, closed: d.movedLocked(a)}
		o.publishLocked()
		if !o.closed {
			d.outlets[a] = o
		}
	}
	return o
}

// movedLocked reports whether an instance is one that tasks do not go back to.
func (d *dataOut) movedLocked(a Address) bool { return a.Instance <= d.closed[a.Task] }

// closeLocked forgets an outlet that was closed, and those of earlier instances of its
// task, for which grants came and nobody asked. Its frames do not need it: their roots
// are the sender's (K4), and where nobody sends any more the position needs not be told
// again (C1).
func (d *dataOut) closeLocked(a Address) {
	d.closed[a.Task] = max(d.closed[a.Task], a.Instance)
	maps.DeleteFunc(d.outlets, func(b Address, o *Outlet) bool {
		return b.Task == a.Task && d.movedLocked(b) && (o.closed || !o.used)
	})
}

// watch has the time looked at, since somebody may wait for credit: if the grant
// was lost, a beat asks for it.
func (d *dataOut) watch() { d.peer.mesh.clock.at(d.peer.mesh.now() + link.BeatEvery) }

func (d *dataOut) appendLocked(to Address, position, tuples uint64, s Section) {
	d.next.add(d.peer.mesh.config.Self, frame.Section{
		To: to, Inlet: s.Inlet, Position: position, Tuples: tuples, Count: s.Count, Body: s.Body,
	}, s.Roots)
}

// sendMark queues a mark behind all that was queued before.
func (d *dataOut) sendMark(m mark) {
	d.mu.Lock()
	d.mark = m
	d.markLocked()
	d.mu.Unlock()
	d.todo.set(work)
}

func (d *dataOut) markLocked() {
	d.next.add(d.peer.mesh.config.Self, frame.Section{Mark: true, Position: d.mark.revision, Tuples: uint64(d.mark.phase)}, nil)
}

// lostLocked tells the positions of credit that lost frames told, since what was
// lost counts as used until then (C1), and the mark.
func (d *dataOut) lostLocked(loss *link.Loss) {
	for _, a := range loss.Tasks {
		if o := d.outlets[a]; o != nil && !o.repairing {
			o.repairing = true
			position, tuples := o.credit.Sent()
			d.appendLocked(a, position, tuples, Section{})
		}
	}
	if loss.Mark {
		d.markLocked()
	}
}

// renewedLocked drops what was queued: the credit that it was taken with is void.
func (d *dataOut) renewedLocked(loss *link.Loss) {
	d.dropLocked(loss)
	for _, o := range d.outlets {
		o.credit.Reset()
		o.repairing = false
		o.publishLocked()
	}
	if d.mark != (mark{}) {
		d.markLocked()
	}
}

func (d *dataOut) dropLocked(loss *link.Loss) {
	loss.Roots = append(loss.Roots, d.next.roots...)
	loss.Frames += len(d.next.frames)
	d.next.reset()
	if d.ended {
		for _, o := range d.outlets {
			o.publishLocked()
			o.grant.Broadcast()
		}
	}
}

func (d *dataOut) blockedLocked() bool {
	for _, o := range d.outlets {
		if o.used && o.full.Load() {
			return true
		}
	}
	return false
}

func (d *dataOut) emptyLocked() bool { return len(d.next.frames) == 0 }

// report takes in a report with grants.
func (d *dataOut) report(hd frame.Header, lost []frame.Range, grants []frame.Grant, loss *link.Loss) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.reportedLocked(hd, lost, loss) {
		return false
	}
	for _, g := range grants {
		d.outletLocked(g.To).grantLocked(g) // it may come before anybody asks for the outlet
	}
	return true
}

// run is the goroutine that sends: at once whatever is there, as much as there
// is, for there is more the longer the net takes.
func (d *dataOut) run() {
	var buf []byte
	for {
		todo := d.own.wait()
		if todo&over != 0 {
			return
		}
		if todo&work != 0 {
			d.flush()
		}
		if todo&beat != 0 {
			buf = d.sendBeat(buf)
		}
	}
}

func (d *dataOut) flush() {
	now := d.peer.mesh.now()
	d.sent.reset()
	d.mu.Lock()
	if d.sender.Epoch() == 0 || d.ended || len(d.next.frames) == 0 {
		d.mu.Unlock()
		return
	}
	d.sent, d.next = d.next, d.sent
	d.sent.sequence(&d.sender, now)
	for _, a := range d.sent.tasks {
		if o := d.outlets[a]; o != nil {
			o.repairing = false
		}
	}
	hd := d.headLocked(frame.Data)
	d.mu.Unlock()
	d.peer.mesh.clock.at(now + link.BeatEvery)
	from := 0
	for _, f := range d.sent.frames {
		hd.Sequence = f.sequence
		d.transmit(d.sent.bytes[from:f.bytes], hd)
		from = f.bytes
	}
}

package simulation

import (
	"github.com/waterspout/waterspout/internal/frame"
	"github.com/waterspout/waterspout/internal/link"
	"github.com/waterspout/waterspout/transport"
	"github.com/waterspout/waterspout/tuple"
)

// An outbound is what the sending ends of both links have in common.
type outbound struct {
	peer   *peer
	link   frame.Link
	lane   transport.Lane
	queue  queue
	sender link.Sender
	ended  bool
	busy   bool
}

// A queue is where they differ.
type queue interface {
	lost(*link.Loss)
	renewed(*link.Loss)
	drop(*link.Loss)
	blocked() bool
	empty() bool
	flush()
}

// renew begins another epoch: first all that is lost, then what is said of it (K4).
func (o *outbound) renew() {
	m := o.peer.mesh
	m.attempts++
	var loss link.Loss
	o.sender.Begin(m.attempts, m.now(), &loss)
	o.queue.renewed(&loss)
	m.loss.Roots = append(m.loss.Roots, loss.Roots...)
	o.peer.say(frame.Hello, o.link)
	m.look(m.now() + link.BeatEvery)
}

func (o *outbound) answered(a link.Answer) {
	switch {
	case o.ended:
	case a == link.Opened:
		o.work()
		o.peer.mesh.look(o.peer.mesh.now() + link.BeatEvery)
	case a == link.Gone:
		o.renew()
	}
}

// greet says hello again if no offer came yet: the peer seems to be there now.
func (o *outbound) greet() {
	if o.sender.Epoch() == 0 && !o.ended {
		o.peer.say(frame.Hello, o.link)
	}
}

// reported takes in a report, and reports whether it is to be believed.
func (o *outbound) reported(hd frame.Header, lost []frame.Range) bool {
	var loss link.Loss
	if o.ended || !o.sender.Report(hd.Epoch, hd.Sequence, lost, o.peer.mesh.now(), &loss) {
		return false
	}
	if loss.Frames > 0 {
		o.queue.lost(&loss)
		o.work()
	}
	o.peer.mesh.loss.Roots = append(o.peer.mesh.loss.Roots, loss.Roots...)
	return true
}

func (o *outbound) tick(now int64) int64 {
	if o.ended {
		return 0
	}
	action, next := o.sender.Tick(now, o.queue.blocked())
	switch action {
	case link.Greet:
		o.peer.say(frame.Hello, o.link)
	case link.Beat:
		o.peer.transmit(o.lane, o.head(frame.Beat), nil)
	case link.GiveUp:
		o.peer.mesh.session.sim.tracef("%s gives up link %d to %s", o.peer.mesh.session.id, o.link, o.peer.name)
		o.renew()
	}
	return next
}

func (o *outbound) head(kind frame.Kind) frame.Header {
	return frame.Header{Kind: kind, Link: o.link, Epoch: o.sender.Epoch(), Sequence: o.sender.Last(), Base: o.sender.Base()}
}

// work has the queue sent soon.
func (o *outbound) work() {
	if !o.busy {
		o.busy = true
		o.peer.mesh.session.after(o.peer.mesh.session.sim.rng.Int64N(milli), o.run)
	}
}

func (o *outbound) run() {
	o.busy = false
	if o.sender.Epoch() == 0 || o.ended || o.queue.empty() {
		return
	}
	o.queue.flush()
	o.peer.mesh.look(o.peer.mesh.now() + link.BeatEvery)
}

func (o *outbound) send(kind frame.Kind, c link.Content, body []byte) {
	o.sender.Next(o.peer.mesh.now(), c)
	o.peer.transmit(o.lane, o.head(kind), body)
}

func (o *outbound) quiet() bool { return o.ended || o.sender.Unreleased() == 0 && o.queue.empty() }

func (o *outbound) end() {
	o.ended = true
	o.sender.Begin(o.sender.Attempt(), 0, &o.peer.mesh.loss)
	o.queue.drop(&o.peer.mesh.loss)
}

// A dataOut is the tuples to a peer's tasks.
type dataOut struct {
	outbound
	sections []section
	outlets  []*outlet
}

// A section waits to be sent.
type section struct {
	frame.Section
	roots []tuple.Root
}

// An outlet is the way to one task instance.
type outlet struct {
	data      *dataOut
	to        frame.Address
	credit    link.Credit
	closed    bool
	used      bool
	repairing bool
}

func (d *dataOut) init(p *peer) {
	d.peer, d.link, d.lane, d.queue = p, frame.DataLink, transport.Data, d
}

func (d *dataOut) outlet(a frame.Address) *outlet {
	for _, o := range d.outlets {
		if o.to == a {
			return o
		}
	}
	o := &outlet{data: d, to: a}
	d.outlets = append(d.outlets, o)
	return o
}

// send takes a section; false says that there is no credit, or that it is closed.
func (o *outlet) send(s section) bool {
	o.used = true
	d := o.data
	if o.closed || d.ended || !o.credit.Open() {
		d.peer.mesh.look(d.peer.mesh.now() + link.BeatEvery)
		return false
	}
	s.To = o.to
	s.Position, s.Tuples = o.credit.Take(len(s.Body), s.Count)
	d.sections = append(d.sections, s)
	d.work()
	return true
}

func (d *dataOut) sendMark() {
	m := d.peer.mesh.mark
	d.sections = append(d.sections, section{Section: frame.Section{Mark: true, Position: m.version, Tuples: uint64(m.phase)}})
	d.work()
}

// lost tells again the positions of credit that lost frames told (C1), and the mark.
func (d *dataOut) lost(loss *link.Loss) {
	for _, a := range loss.Tasks {
		if o := d.outlet(a); !o.repairing {
			o.repairing = true
			s := section{Section: frame.Section{To: a}}
			s.Position, s.Tuples = o.credit.Sent()
			d.sections = append(d.sections, s)
		}
	}
	if loss.Mark {
		d.sendMark()
	}
}

// renewed drops what was queued: the credit that it was taken with is void.
func (d *dataOut) renewed(loss *link.Loss) {
	d.drop(loss)
	for _, o := range d.outlets {
		o.credit.Reset()
		o.repairing = false
	}
	if d.peer.mesh.mark != (mark{}) {
		d.sendMark()
	}
}

func (d *dataOut) drop(loss *link.Loss) {
	for _, s := range d.sections {
		loss.Roots = append(loss.Roots, s.roots...)
	}
	d.sections = nil
	d.peer.mesh.session.pump()
}

func (d *dataOut) blocked() bool {
	for _, o := range d.outlets {
		if o.used && !o.closed && !o.credit.Open() {
			return true
		}
	}
	return false
}

func (d *dataOut) empty() bool { return len(d.sections) == 0 }

func (d *dataOut) report(hd frame.Header, lost []frame.Range, grants []frame.Grant) {
	if !d.reported(hd, lost) {
		return
	}
	for _, g := range grants {
		d.outlet(g.To).credit.Grant(g.Limit, g.Tuples)
	}
	d.peer.mesh.session.pump()
}

const sectionsPerFrame = 4

func (d *dataOut) flush() {
	all := d.sections
	d.sections = nil
	for len(all) > 0 {
		n := min(len(all), sectionsPerFrame)
		var c link.Content
		var body []byte
		for _, s := range all[:n] {
			c.Roots = append(c.Roots, s.roots...)
			if c.Mark = c.Mark || s.Mark; !s.Mark {
				c.Tasks = append(c.Tasks, s.To)
				d.outlet(s.To).repairing = false
			}
			body = frame.AppendSection(body, s.Section)
		}
		d.send(frame.Data, c, body)
		all = all[n:]
	}
}

package simulation

import (
	"github.com/waterspout/waterspout/internal/frame"
	"github.com/waterspout/waterspout/internal/link"
)

const (
	reportFrames = 8
	reportAfter  = 20 * milli
)

// An inbound is the receiving end of a link from a peer.
type inbound struct {
	peer     *peer
	link     frame.Link
	rx       link.Receiver
	accounts []*account
	frames   int
	due      int64
	all      bool
}

// An account is the credit of the peer for one task instance here.
type account struct {
	in *inbound
	link.Account
	to       frame.Address
	accepted bool
	widest   uint64 // window so far
}

// A parcel is the tuples of one section in an inbox.
type parcel struct {
	body        []byte
	count, size int
	account     *account
	epoch       uint32
}

func (in *inbound) account(a frame.Address) *account {
	for _, c := range in.accounts {
		if c.to == a {
			return c
		}
	}
	return nil
}

func (in *inbound) accept(a frame.Address) {
	c := in.account(a)
	if c == nil {
		c = &account{in: in, to: a}
		in.accounts = append(in.accounts, c)
	}
	c.accepted = true
	in.urgent()
}

func (in *inbound) refuse(a frame.Address) {
	if c := in.account(a); c != nil {
		c.accepted = false
	}
}

func (in *inbound) urgent() { in.peer.say(frame.Report, in.link) }

func (in *inbound) later() {
	if in.due == 0 {
		in.due = in.peer.mesh.now() + reportAfter
		in.peer.mesh.look(in.due)
	}
}

func (in *inbound) tick(now int64) int64 {
	if in.due != 0 && in.due <= now {
		in.due = 0
		in.urgent()
	}
	return in.due
}

func (in *inbound) hello(attempt uint64) (fresh bool) {
	fresh, ok := in.rx.Hello(attempt, in.peer.mesh.session.sim.rng.Uint64()|1)
	if fresh {
		for _, c := range in.accounts {
			c.Renew()
		}
	}
	if ok {
		in.all = true
		in.peer.say(frame.Offer, in.link)
		in.peer.say(frame.Report, in.link)
	}
	return fresh
}

func (in *inbound) beat(hd frame.Header) link.Verdict {
	v := in.rx.Beat(hd.Epoch, hd.Sequence, hd.Base)
	if v != link.Foreign {
		in.all = true
		in.urgent()
	}
	return v
}

func (in *inbound) judge(hd frame.Header) link.Verdict {
	v, gap := in.rx.Frame(hd.Epoch, hd.Sequence, hd.Base)
	if v == link.Apply {
		in.frames++
	}
	switch {
	case gap || in.frames >= reportFrames:
		in.urgent()
	case v == link.Apply:
		in.later()
	}
	return v
}

// report is what is to be told of this end.
func (in *inbound) report() (frame.Header, []byte) {
	window := in.peer.mesh.window
	hd := frame.Header{Kind: frame.Report, Link: in.link, Epoch: in.rx.Epoch(), Sequence: in.rx.Expected()}
	var grants []frame.Grant
	for _, c := range in.accounts {
		if !c.accepted {
			continue
		}
		c.widest = max(c.widest, window)
		if limit, taken, fresh := c.Grant(window); fresh || in.all {
			grants = append(grants, frame.Grant{To: c.to, Limit: limit, Tuples: taken})
		}
	}
	in.frames, in.due, in.all = 0, 0, false
	return hd, frame.AppendReport(nil, in.rx.Lost(), grants)
}

// data applies a frame of sections: all of it, or nothing (K1).
func (in *inbound) data(hd frame.Header, body []byte) link.Verdict {
	v := in.judge(hd)
	for v == link.Apply && len(body) > 0 {
		s, rest, err := frame.NextSection(body)
		must(err)
		in.section(s)
		body = rest
	}
	return v
}

func (in *inbound) section(s frame.Section) {
	p, m := in.peer, in.peer.mesh
	if s.Mark {
		if next := (mark{s.Position, int(s.Tuples)}); p.marked.less(next) {
			p.marked = next
			m.session.fiber.wake()
		}
		return
	}
	pc := in.arrive(s)
	if s.Count > 0 && (pc.account == nil || !m.session.deliver(s.To, pc)) { // G1
		m.loss.Roots = frame.AppendRoots(m.loss.Roots, s.Body)
		pc.done()
	}
}

func (in *inbound) arrive(s frame.Section) *parcel {
	pc := &parcel{body: s.Body, count: s.Count, size: len(s.Body)}
	c := in.account(s.To)
	if c == nil {
		return pc
	}
	pc.epoch = c.Arrive(s.Position, s.Tuples, pc.size, pc.count)
	if !c.accepted {
		c.Done(pc.epoch, pc.size, pc.count)
		return pc
	}
	if q := c.Queued(); q > c.widest+uint64(in.peer.mesh.session.sim.largest) {
		in.peer.mesh.session.sim.fault("Bounded: %d bytes from %s queue for %v, granted were %d", q, in.peer.name, s.To, c.widest)
	}
	pc.account = c
	return pc
}

// done says that the parcel was taken out of its inbox.
func (pc *parcel) done() {
	c := pc.account
	if c == nil {
		return
	}
	c.Done(pc.epoch, pc.size, pc.count)
	switch {
	case !c.accepted:
	case c.Urgent(c.in.peer.mesh.window):
		c.in.urgent()
	default:
		c.in.later()
	}
}

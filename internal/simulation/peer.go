package simulation

import (
	"github.com/waterspout/waterspout/acker"
	"github.com/waterspout/waterspout/internal/frame"
	"github.com/waterspout/waterspout/internal/link"
	"github.com/waterspout/waterspout/transport"
	"github.com/waterspout/waterspout/tuple"
)

// A peer is another worker, as a mesh sees it.
type peer struct {
	mesh    *mesh
	name    string
	doubted int64 // when it last said that it could not renew its lease
	marked  mark
	data    dataOut
	acks    ackOut
	in      [frame.Links]*inbound
	strays  [frame.Links]uint64

	todo [kinds][frame.Links]bool // of the control lane
	busy bool
}

const kinds = frame.Pong + 1

func newPeer(m *mesh, name string) *peer {
	p := &peer{mesh: m, name: name, doubted: -1000 * second}
	for l := range p.in {
		p.in[l] = &inbound{peer: p, link: frame.Link(l)}
	}
	for _, a := range m.accepted {
		p.in[frame.DataLink].accept(a)
	}
	p.data.init(p)
	p.acks.init(p)
	if m.mark != (mark{}) {
		p.data.sendMark()
	}
	return p
}

func (p *peer) begin() {
	p.data.renew()
	p.acks.renew()
}

func (p *peer) end() {
	p.data.end()
	p.acks.end()
}

func (p *peer) outbound(l frame.Link) *outbound {
	if l == frame.DataLink {
		return &p.data.outbound
	}
	return &p.acks.outbound
}

func (p *peer) say(kind frame.Kind, l frame.Link) {
	p.todo[kind][l] = true
	if !p.busy {
		p.busy = true
		p.mesh.session.after(p.mesh.session.sim.rng.Int64N(milli), p.converse)
	}
}

// converse says what is to be said on the control lane, but for acks and beats.
func (p *peer) converse() {
	p.busy = false
	todo := p.todo
	p.todo = [kinds][frame.Links]bool{}
	for l := range frame.Link(frame.Links) {
		in, out := p.in[l], p.outbound(l)
		if todo[frame.Offer][l] && in.rx.Epoch() != 0 {
			p.control(frame.Header{Kind: frame.Offer, Link: l, Epoch: in.rx.Epoch(), Sequence: in.rx.Attempt()}, nil)
		}
		if todo[frame.Report][l] && in.rx.Epoch() != 0 {
			p.control(in.report())
		}
		if todo[frame.Hello][l] && out.sender.Epoch() == 0 && !out.ended {
			p.control(frame.Header{Kind: frame.Hello, Link: l, Sequence: out.sender.Attempt()}, nil)
		}
		if todo[frame.Stranger][l] {
			p.control(frame.Header{Kind: frame.Stranger, Link: l, Epoch: p.strays[l]}, nil)
		}
		for _, kind := range []frame.Kind{frame.Pong, frame.Ping} {
			if todo[kind][l] {
				hd := frame.Header{Kind: kind}
				if p.mesh.session.member.doubtful() {
					hd.Sequence = 1
				}
				p.control(hd, nil)
			}
		}
	}
}

func (p *peer) control(hd frame.Header, body []byte) { p.transmit(transport.Control, hd, body) }

func (p *peer) transmit(lane transport.Lane, hd frame.Header, body []byte) {
	s := p.mesh.session
	hd.Nonce = p.mesh.nonce
	f := append(frame.Begin(nil, s.id), body...)
	frame.Seal(f, hd)
	s.sim.wire.send(s.process, p.name, lane, f)
}

// receive takes in a frame that is intact.
func (p *peer) receive(hd frame.Header, body []byte) {
	in, out := p.in[hd.Link], p.outbound(hd.Link)
	switch hd.Kind {
	case frame.Data:
		p.judged(hd, in.data(hd, body))
	case frame.Acks:
		p.judged(hd, p.receiveAcks(hd, body))
	case frame.Beat:
		p.judged(hd, in.beat(hd))
	case frame.Report:
		lost, grants, err := frame.DecodeReport(body, nil, nil)
		must(err)
		if hd.Link == frame.DataLink {
			p.data.report(hd, lost, grants)
		} else {
			p.acks.reported(hd, lost)
		}
	case frame.Hello:
		if in.hello(hd.Sequence) {
			out.greet()
		}
	case frame.Offer:
		out.answered(out.sender.Offer(hd.Sequence, hd.Epoch, p.mesh.now()))
	case frame.Stranger:
		out.answered(out.sender.Stranger(hd.Epoch))
	case frame.Ping:
		p.say(frame.Pong, 0)
	case frame.Pong:
		p.doubted = -1000 * second
		if hd.Sequence != 0 {
			p.doubted = p.mesh.session.sim.now
		}
		p.mesh.session.fiber.wake()
	}
}

// judged tells the sender of a foreign frame (K6).
func (p *peer) judged(hd frame.Header, v link.Verdict) {
	if v == link.Foreign {
		p.strays[hd.Link] = hd.Epoch
		p.say(frame.Stranger, hd.Link)
	}
}

func (p *peer) receiveAcks(hd frame.Header, body []byte) link.Verdict {
	pairs, fails, err := frame.DecodeAcks(body, nil, nil)
	must(err)
	v := p.in[frame.AckLink].judge(hd)
	if v == link.Apply {
		p.mesh.pairs(pairs)
		for _, f := range fails {
			p.mesh.session.fail(f.Root, f.Why.Kind)
		}
	}
	return v
}

// An ackOut is the acks to a peer's ledgers.
type ackOut struct {
	outbound
	pairs []acker.Pair
	fails []frame.Fail
}

func (a *ackOut) init(p *peer) {
	a.peer, a.link, a.lane, a.queue = p, frame.AckLink, transport.Control, a
}

func (a *ackOut) pair(p acker.Pair) {
	if !a.ended {
		a.pairs = append(a.pairs, p)
		a.work()
	}
}

func (a *ackOut) fail(root tuple.Root, kind tuple.Kind) {
	if !a.ended {
		a.fails = append(a.fails, frame.Fail{Root: root, Why: tuple.Failure{Kind: kind}})
		a.work()
	}
}

// lost fails the trees of lost pairs and failures, at the same peer (K3).
func (a *ackOut) lost(loss *link.Loss) {
	for _, root := range loss.Roots {
		a.fail(root, tuple.Lost)
	}
	loss.Reset()
}

func (a *ackOut) renewed(loss *link.Loss) { a.lost(loss) }

func (a *ackOut) drop(loss *link.Loss) {
	for _, p := range a.pairs {
		loss.Roots = append(loss.Roots, p.Root)
	}
	for _, f := range a.fails {
		loss.Roots = append(loss.Roots, f.Root)
	}
	a.pairs, a.fails = nil, nil
}

func (a *ackOut) blocked() bool { return false }
func (a *ackOut) empty() bool   { return len(a.pairs) == 0 && len(a.fails) == 0 }

const acksPerFrame = 8

func (a *ackOut) flush() {
	pairs, fails := a.pairs, a.fails
	a.pairs, a.fails = nil, nil
	for len(pairs) > 0 {
		n := min(len(pairs), acksPerFrame)
		var roots []tuple.Root
		for _, p := range pairs[:n] {
			roots = append(roots, p.Root)
		}
		a.send(frame.Acks, link.Content{Roots: roots}, frame.AppendAcks(nil, pairs[:n], nil))
		pairs = pairs[n:]
	}
	for len(fails) > 0 {
		n := min(len(fails), acksPerFrame)
		var roots []tuple.Root
		for _, f := range fails[:n] {
			roots = append(roots, f.Root)
		}
		a.send(frame.Acks, link.Content{Roots: roots}, frame.AppendAcks(nil, nil, fails[:n]))
		fails = fails[n:]
	}
}

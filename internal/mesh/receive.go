package mesh

import (
	"errors"
	"time"

	"github.com/waterspout/waterspout/acker"
	"github.com/waterspout/waterspout/internal/frame"
	"github.com/waterspout/waterspout/internal/link"
	"github.com/waterspout/waterspout/transport"
)

// A receiver is the goroutine that receives one lane of all peers, and its
// memory. It never waits for anybody (C3).
type receiver struct {
	mesh *Mesh
	lane transport.Lane

	sections []frame.Section
	parcels  []Parcel
	pairs    []acker.Pair
	fails    []frame.Fail
	ranges   []frame.Range
	grants   []frame.Grant
	loss     link.Loss
}

func newReceiver(m *Mesh, lane transport.Lane) *receiver { return &receiver{mesh: m, lane: lane} }

func (r *receiver) run() {
	m := r.mesh
	for {
		f, err := m.config.Conn.Recv(m.ctx, r.lane)
		switch {
		case err == nil:
			r.receive(f)
		case m.ctx.Err() != nil || errors.Is(err, transport.ErrClosed):
			return
		default:
			if m.told.first(unreceived) {
				m.config.Log.Warn("receiving from the net failed; trying again", "err", err)
			}
			select {
			case <-m.ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
}

// receive takes in one frame. All that it learns from it is told to the handler
// here, without a lock.
func (r *receiver) receive(f []byte) {
	m := r.mesh
	m.counts.received.Add(1)
	m.counts.bytesReceived.Add(uint64(len(f)))
	hd, from, body, err := frame.Open(f)
	if err != nil {
		m.reject(reasonOf(err), nil, err)
		return
	}
	if hd.Nonce != m.config.Nonce {
		m.reject(otherNonce, nil, errNonce)
		return
	}
	p := m.all()[string(from)]
	if p == nil {
		m.reject(otherPeer, nil, errPeer)
		return
	}
	if laneOf(hd) != r.lane {
		m.reject(foreign, p, errLane)
		return
	}
	p.heard.Store(m.now())
	m.inHand.Add(1) // before anything is released
	r.dispatch(p, hd, body)
	m.lost(&r.loss)
	m.inHand.Add(-1)
	m.released()
}

// laneOf is where frames of a kind travel.
func laneOf(hd frame.Header) transport.Lane {
	if hd.Link == frame.DataLink && (hd.Kind == frame.Data || hd.Kind == frame.Beat) {
		return transport.Data
	}
	return transport.Control
}

func (r *receiver) dispatch(p *Peer, hd frame.Header, body []byte) {
	switch hd.Kind {
	case frame.Data:
		r.data(p, hd, body)
	case frame.Acks:
		r.acks(p, hd, body)
	case frame.Beat:
		if !p.in[hd.Link].beat(hd) {
			r.stray(p, hd)
		}
	case frame.Report:
		r.report(p, hd, body)
	case frame.Hello:
		if p.in[hd.Link].hello(hd.Sequence) {
			p.halves()[hd.Link].greeted(hd.Epoch, &r.loss)
		}
	case frame.Offer:
		p.halves()[hd.Link].offered(hd.Sequence, hd.Epoch, &r.loss)
	case frame.Stranger:
		p.halves()[hd.Link].unknown(hd.Epoch, &r.loss)
	case frame.Ping:
		p.say.set(pong)
	case frame.Pong:
		p.doubts.Store(hd.Sequence * uint64(r.mesh.now()))
	}
}

// stray tells the sender that it uses an epoch that is not this one (K6).
func (r *receiver) stray(p *Peer, hd frame.Header) {
	r.mesh.reject(otherEpoch, p, errEpoch)
	p.strays[hd.Link].Store(hd.Epoch)
	p.say.set(stranger << hd.Link)
}

// judged reports whether to apply the frame; if not, what there is to say of it
// was said.
func (r *receiver) judged(p *Peer, hd frame.Header, verdict link.Verdict) bool {
	switch verdict {
	case link.Foreign:
		r.stray(p, hd)
	case link.Old:
		r.mesh.counts.rejected[old].Add(1)
	}
	return verdict == link.Apply
}

// data applies a frame of sections: all of it, or nothing (K1).
func (r *receiver) data(p *Peer, hd frame.Header, body []byte) {
	if !r.parse(body) || hd.Link != frame.DataLink {
		r.mesh.reject(malformed, p, frame.ErrMalformed)
		return
	}
	in := &p.in[frame.DataLink]
	now := r.mesh.now()
	in.mu.Lock()
	verdict := in.frameLocked(hd, now)
	r.parcels = r.parcels[:0]
	if verdict == link.Apply {
		for _, s := range r.sections {
			r.parcels = append(r.parcels, in.arriveLocked(s))
		}
	}
	in.mu.Unlock()
	if r.judged(p, hd, verdict) {
		for i := range r.sections {
			r.section(p, &r.sections[i], r.parcels[i])
		}
	}
	clear(r.sections) // they pin the frame
	clear(r.parcels)
}

func (r *receiver) parse(body []byte) bool {
	r.sections = r.sections[:0]
	for len(body) > 0 {
		s, rest, err := frame.NextSection(body)
		if err != nil {
			return false
		}
		r.sections = append(r.sections, s)
		body = rest
	}
	return true
}

// arriveLocked puts a section into the books of its account.
func (in *inbound) arriveLocked(s frame.Section) Parcel {
	c := in.accounts[s.To]
	if s.Mark || c == nil {
		return Parcel{Body: s.Body, Count: s.Count}
	}
	epoch := c.Arrive(s.Position, s.Tuples, len(s.Body), s.Count)
	p := Parcel{Body: s.Body, Count: s.Count, account: c, epoch: epoch, size: len(s.Body)}
	if !c.accepted {
		c.Done(epoch, p.size, p.Count)
		p.account = nil
	}
	return p
}

func (r *receiver) section(p *Peer, s *frame.Section, parcel Parcel) {
	switch {
	case s.Mark:
		if p.marked(mark{s.Position, int(s.Tuples)}) {
			r.mesh.config.To.Marked()
		}
	case s.Count == 0: // it only told its position
		parcel.Done(0)
	case parcel.account == nil || !r.mesh.config.To.Tuples(s.To, s.Inlet, parcel):
		r.loss.Roots = parcel.Roots(r.loss.Roots)
		parcel.Done(0)
	}
}

func (r *receiver) acks(p *Peer, hd frame.Header, body []byte) {
	var err error
	r.pairs, r.fails, err = frame.DecodeAcks(body, r.pairs[:0], r.fails[:0])
	if err != nil || hd.Link != frame.AckLink {
		r.mesh.reject(malformed, p, frame.ErrMalformed)
		return
	}
	in := &p.in[frame.AckLink]
	now := r.mesh.now()
	in.mu.Lock()
	verdict := in.frameLocked(hd, now)
	in.mu.Unlock()
	if !r.judged(p, hd, verdict) {
		return
	}
	if len(r.pairs) > 0 {
		r.mesh.config.To.Pairs(r.pairs)
	}
	for _, f := range r.fails {
		r.mesh.config.To.Fail(f.Root, f.Why)
	}
	clear(r.fails)
}

func (r *receiver) report(p *Peer, hd frame.Header, body []byte) {
	var err error
	r.ranges, r.grants, err = frame.DecodeReport(body, r.ranges[:0], r.grants[:0])
	if err != nil {
		r.mesh.reject(malformed, p, err)
		return
	}
	believed := false
	if hd.Link == frame.DataLink {
		believed = p.data.report(hd, r.ranges, r.grants, &r.loss)
	} else {
		believed = p.acks.report(hd, r.ranges, &r.loss)
	}
	if !believed {
		r.mesh.reject(otherEpoch, p, errEpoch)
	}
}

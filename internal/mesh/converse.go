package mesh

import "github.com/waterspout/waterspout/internal/frame"

// converse is the goroutine that sends on the control lane. What the other side
// waits for goes first.
func (p *Peer) converse() {
	var buf []byte
	for {
		todo := p.say.wait()
		if todo&over != 0 {
			return
		}
		for l := range frame.Link(frame.Links) {
			buf = p.speak(todo>>l, l, buf)
		}
		if todo&pong != 0 {
			buf = p.tell(frame.Header{Kind: frame.Pong, Sequence: p.mesh.doubt.Load()}, buf)
		}
		if todo&ping != 0 {
			buf = p.tell(frame.Header{Kind: frame.Ping}, buf)
		}
		if todo&work != 0 {
			p.acks.flush()
		}
		if todo&beat != 0 {
			buf = p.acks.sendBeat(buf)
		}
	}
}

// speak says what there is to say of one link.
func (p *Peer) speak(todo uint32, l frame.Link, buf []byte) []byte {
	if todo&offer != 0 {
		if hd := p.in[l].offer(); hd.Epoch != 0 {
			buf = p.tell(hd, buf)
		}
	}
	if todo&report != 0 {
		hd, f := p.in[l].report(frame.Begin(buf[:0], p.mesh.config.Self))
		if buf = f; hd.Epoch != 0 && p.control(f, hd) {
			p.in[l].reported()
		}
	}
	if todo&hello != 0 {
		if attempt := p.halves()[l].greeting(); attempt != 0 {
			buf = p.tell(frame.Header{Kind: frame.Hello, Link: l, Epoch: p.in[l].offerHead().Epoch, Sequence: attempt}, buf)
		}
	}
	if todo&stranger != 0 {
		buf = p.tell(frame.Header{Kind: frame.Stranger, Link: l, Epoch: p.strays[l].Load()}, buf)
	}
	return buf
}

// tell sends a frame without body.
func (p *Peer) tell(hd frame.Header, buf []byte) []byte {
	hd.Nonce = p.mesh.config.Nonce
	buf = frame.Begin(buf[:0], p.mesh.config.Self)
	p.control(buf, hd)
	return buf
}

// control sends a frame of the control lane, of whatever link. The acks go the same
// way: while the net does not take this one they wait as if it were theirs.
func (p *Peer) control(f []byte, hd frame.Header) (taken bool) { return p.acks.transmit(f, hd) }

func (p *Peer) halves() [frame.Links]*half {
	return [frame.Links]*half{frame.DataLink: &p.data.half, frame.AckLink: &p.acks.half}
}

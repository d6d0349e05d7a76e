package mesh

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/waterspout/waterspout/internal/frame"
	"github.com/waterspout/waterspout/internal/link"
	"github.com/waterspout/waterspout/transport"
)

// A half is what the sending ends of both links have in common.
type half struct {
	peer    *Peer
	link    frame.Link
	lane    transport.Lane
	queue   queue
	todo    *todo        // of the goroutine that sends
	sending atomic.Int64 // since when the net takes a frame of its lane, 0 if it does not

	mu     sync.Mutex // guards sender, ended, and the queue
	sender link.Sender
	ended  bool
}

// A queue is where they differ. All of it is called with the half's lock.
type queue interface {
	lostLocked(loss *link.Loss)    // tells again what was lost with frames
	renewedLocked(loss *link.Loss) // the same; and the epoch is a new one
	blockedLocked() bool           // somebody waits for credit
	emptyLocked() bool
	dropLocked(loss *link.Loss) // adds all that it holds to loss
}

// renew begins another epoch.
func (h *half) renew(loss *link.Loss) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.renewLocked(loss)
}

func (h *half) renewLocked(loss *link.Loss) {
	m := h.peer.mesh
	now := m.now()
	// First all that is lost, then what is said of it: that is kept in the
	// new epoch (K4).
	h.sender.Begin(m.attempts.Add(1), now, loss)
	h.queue.renewedLocked(loss)
	h.peer.say.set(hello << h.link)
	m.clock.at(now + link.BeatEvery)
}

// offered takes in an offer.
func (h *half) offered(attempt, epoch uint64, loss *link.Loss) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answeredLocked(h.sender.Offer(attempt, epoch, h.peer.mesh.now()), loss)
}

// unknown takes in that the peer does not know an epoch.
func (h *half) unknown(epoch uint64, loss *link.Loss) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answeredLocked(h.sender.Stranger(epoch), loss)
}

func (h *half) answeredLocked(a link.Answer, loss *link.Loss) {
	switch {
	case h.ended:
	case a == link.Opened:
		h.peer.mesh.counts.epochs.Add(1)
		h.todo.set(work)
		h.peer.mesh.clock.at(h.peer.mesh.now() + link.BeatEvery)
	case a == link.Gone:
		h.renewLocked(loss)
	}
}

// greeted takes in that the peer begins an epoch of its own, and which of this
// side's it knows. If that is none, it has just come: so hello is said at once,
// and an epoch that it has forgotten is given up.
func (h *half) greeted(known uint64, loss *link.Loss) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch epoch := h.sender.Epoch(); {
	case h.ended:
	case epoch == 0:
		h.peer.say.set(hello << h.link)
	case epoch != known:
		h.renewLocked(loss)
	}
}

// reportedLocked takes in a report, and reports whether it is to be believed.
func (h *half) reportedLocked(hd frame.Header, lost []frame.Range, loss *link.Loss) bool {
	if h.ended || !h.sender.Report(hd.Epoch, hd.Sequence, lost, h.peer.mesh.now(), loss) {
		return false
	}
	if loss.Frames > 0 {
		h.queue.lostLocked(loss)
		h.todo.set(work)
	}
	return true
}

// slow is how long the net may take for a frame before that time no longer counts
// as the peer's silence.
const slow = int64(time.Second)

// tick does what is due, and returns when to call it again, 0 for never.
func (h *half) tick(now int64, loss *link.Loss) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended {
		return 0
	}
	if since := h.sending.Load(); since != 0 && now-since > slow {
		h.sender.Delayed(now)
	}
	action, next := h.sender.Tick(now, h.queue.blockedLocked())
	switch action {
	case link.Greet:
		h.peer.say.set(hello << h.link)
	case link.Beat:
		h.todo.set(beat)
	case link.GiveUp:
		h.renewLocked(loss)
	}
	return next
}

func (h *half) quiet() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ended || h.sender.Unreleased() == 0 && h.queue.emptyLocked()
}

func (h *half) end(loss *link.Loss) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended = true
	h.sender.Begin(h.sender.Attempt(), 0, loss)
	h.queue.dropLocked(loss)
}

// headLocked is the header of the next frame, but for its sequence.
func (h *half) headLocked(kind frame.Kind) frame.Header {
	return frame.Header{
		Kind: kind, Link: h.link, Nonce: h.peer.mesh.config.Nonce,
		Epoch: h.sender.Epoch(), Sequence: h.sender.Last(), Base: h.sender.Base(),
	}
}

// transmit seals a frame and gives it to the net. What the net does not take is
// lost, and found to be so as other losses are; taken is false then.
func (h *half) transmit(f []byte, hd frame.Header) (taken bool) {
	m := h.peer.mesh
	frame.Seal(f, hd)
	h.sending.Store(m.now())
	err := m.config.Conn.Send(h.peer.ctx, h.peer.name, h.lane, f)
	h.sending.Store(0)
	if err == nil {
		m.counts.sent.Add(1)
		m.counts.bytesSent.Add(uint64(len(f)))
	} else if h.peer.ctx.Err() == nil {
		m.counts.unsent.Add(1)
		if h.peer.told.first(unsent) {
			m.config.Log.Warn("a frame could not be sent", "peer", h.peer.name, "err", err)
		}
	}
	return err == nil
}

// sendBeat says the last sequence again (K2), and returns buf for the next time.
func (h *half) sendBeat(buf []byte) []byte {
	h.mu.Lock()
	hd := h.headLocked(frame.Beat)
	h.mu.Unlock()
	buf = frame.Begin(buf[:0], h.peer.mesh.config.Self)
	if hd.Epoch != 0 {
		h.transmit(buf, hd)
	}
	return buf
}

// greeting is the attempt to say hello with, 0 if there is no need to any more.
func (h *half) greeting() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.sender.Epoch() != 0 || h.ended {
		return 0
	}
	return h.sender.Attempt()
}

package mesh

import (
	"errors"
	"sync/atomic"

	"github.com/waterspout/waterspout/internal/frame"
)

// Stats are counts since Open.
type Stats struct {
	FramesSent, BytesSent         uint64 // of all kinds
	FramesReceived, BytesReceived uint64 // the rejected ones included
	Unsent                        uint64 // frames that the net did not take
	Lost                          uint64 // frames of tuples or acks, sent from here
	Epochs                        uint64 // begun by this worker as a sender
	Rejected                      uint64 // frames
	Reasons                       map[string]uint64
}

// A reason is why something was not taken in; told counts some others, too.
type reason uint8

const (
	foreign reason = iota
	length
	checksum
	malformed
	otherNonce
	otherPeer
	otherEpoch
	old
	reasons

	unsent     = reasons
	unreceived = reasons + 1
	tellings   = reasons + 2
)

var reasonNames = [reasons]string{
	"foreign", "length", "checksum", "malformed", "nonce", "peer", "epoch", "old",
}

var (
	errNonce = errors.New("mesh: of another cluster, or of it before its store was wiped")
	errPeer  = errors.New("mesh: from a worker that is not known here")
	errLane  = errors.New("mesh: on a lane that is not for its kind")
	errEpoch = errors.New("mesh: of an epoch that is over")
)

func reasonOf(err error) reason {
	switch {
	case errors.Is(err, frame.ErrForeign):
		return foreign
	case errors.Is(err, frame.ErrLength):
		return length
	case errors.Is(err, frame.ErrChecksum):
		return checksum
	}
	return malformed
}

// counts are the atomics behind Stats.
type counts struct {
	sent, bytesSent, received, bytesReceived atomic.Uint64
	unsent, lost, epochs                     atomic.Uint64
	rejected                                 [reasons]atomic.Uint64
}

// told remembers what was logged, to say it once.
type told [tellings]atomic.Bool

func (t *told) first(r reason) bool { return !t[r].Load() && t[r].CompareAndSwap(false, true) }

// reject counts a frame that is dropped, and says so once per peer, or once if it
// is not known whose it is. Frames of the past are no news.
func (m *Mesh) reject(r reason, p *Peer, err error) {
	m.counts.rejected[r].Add(1)
	where, name := &m.told, ""
	if p != nil {
		where, name = &p.told, p.name
	}
	if !where.first(r) {
		return
	}
	if r == otherEpoch || r == otherPeer {
		m.config.Log.Debug("a frame was dropped", "peer", name, "err", err)
		return
	}
	m.config.Log.Warn("a frame was dropped; more like it will only be counted", "peer", name, "err", err)
}

// Stats are the counts so far. The map is the caller's.
func (m *Mesh) Stats() Stats {
	c := &m.counts
	s := Stats{
		FramesSent: c.sent.Load(), BytesSent: c.bytesSent.Load(),
		FramesReceived: c.received.Load(), BytesReceived: c.bytesReceived.Load(),
		Unsent: c.unsent.Load(), Lost: c.lost.Load(), Epochs: c.epochs.Load(),
		Reasons: map[string]uint64{},
	}
	for r, name := range reasonNames {
		if n := c.rejected[r].Load(); n > 0 {
			s.Reasons[name] = n
			s.Rejected += n
		}
	}
	return s
}

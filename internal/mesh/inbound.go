package mesh

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/waterspout/waterspout/internal/frame"
	"github.com/waterspout/waterspout/internal/link"
)

// When a report is due, if nothing makes it urgent.
const (
	reportFrames = 8 // received since the last, or
	reportAfter  = int64(20 * time.Millisecond)
)

// An inbound is the receiving end of a link from a peer.
type inbound struct {
	peer *Peer
	link frame.Link

	mu       sync.Mutex // guards all below
	rx       link.Receiver
	accounts map[Address]*account // of what is accepted, or not taken yet
	frames   int                  // since the last report
	applied  uint64               // frames, since the peer came
	told     uint64               // of them, in the report that is on its way
	said     uint64               // of them, in reports that the net took
	due      int64                // when a report is, 0 for none
	all      bool                 // the report is to hold all grants
	unsaid   bool                 // the epoch was not offered yet
	grants   []frame.Grant
}

// An account is the credit of the peer for one task instance here.
type account struct {
	in *inbound
	link.Account
	to       Address
	cost     uint32 // of a tuple, as the task said last
	accepted bool
}

// accept opens an account, whose grant is told at once. If that is lost, the
// peer's beat will ask for it.
func (in *inbound) accept(a Address) {
	in.mu.Lock()
	defer in.mu.Unlock()
	c := in.accounts[a]
	if c == nil {
		c = &account{in: in, to: a}
		in.accounts[a] = c
	}
	c.accepted = true
	in.urgentLocked()
}

func (in *inbound) refuse(a Address) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if c := in.accounts[a]; c != nil {
		c.accepted = false
		in.dropLocked(c)
	}
}

// dropLocked forgets the account of an instance that is gone, once all that came for it
// was taken. Its positions, which go on in an epoch (C1), are for nobody: it does not come
// back. What still comes for it is lost, with an account or without.
func (in *inbound) dropLocked(c *account) {
	if !c.accepted && c.Queued() == 0 && in.accounts[c.to] == c {
		delete(in.accounts, c.to)
	}
}

// reportSoon has it report, since the windows changed.
func (in *inbound) reportSoon() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.urgentLocked()
}

func (in *inbound) urgentLocked() { in.peer.say.set(report << in.link) }

// laterLocked has it report before long.
func (in *inbound) laterLocked(now int64) {
	if in.due == 0 {
		in.due = now + reportAfter
		in.peer.mesh.clock.at(in.due)
	}
}

// tick does what is due, and returns when to call it again, 0 for never.
func (in *inbound) tick(now int64) int64 {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.due != 0 && in.due <= now {
		in.due = 0
		in.urgentLocked()
	}
	return in.due
}

// hello answers an attempt, and reports whether it is a new one.
func (in *inbound) hello(attempt uint64) (fresh bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	fresh, ok := in.rx.Hello(attempt, rand.Uint64()|1) // not 0, which is no epoch
	if fresh {
		for _, c := range in.accounts {
			c.Renew()
		}
	}
	if ok {
		in.all, in.unsaid = true, true
		in.peer.say.set(offer<<in.link | report<<in.link)
	}
	return fresh
}

// beat takes in a beat; it is false if the epoch is foreign.
func (in *inbound) beat(hd frame.Header) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.rx.Beat(hd.Epoch, hd.Sequence, hd.Base) == link.Foreign {
		return false
	}
	in.all = true
	in.urgentLocked()
	return true
}

// frame judges a frame.
func (in *inbound) frameLocked(hd frame.Header, now int64) link.Verdict {
	verdict, gap := in.rx.Frame(hd.Epoch, hd.Sequence, hd.Base)
	if verdict == link.Apply {
		in.frames++
		in.applied++
	}
	switch {
	case gap || in.frames >= reportFrames:
		in.urgentLocked()
	case verdict == link.Apply:
		in.laterLocked(now)
	}
	return verdict
}

// offerHead is the header of an offer; its epoch is 0 if there is none to make.
func (in *inbound) offerHead() frame.Header {
	in.mu.Lock()
	defer in.mu.Unlock()
	return frame.Header{
		Kind: frame.Offer, Link: in.link, Nonce: in.peer.mesh.config.Nonce,
		Epoch: in.rx.Epoch(), Sequence: in.rx.Attempt(),
	}
}

// offer is what to say of an epoch, and then of all that came in it.
func (in *inbound) offer() frame.Header {
	in.mu.Lock()
	in.unsaid = false
	in.mu.Unlock()
	return in.offerHead()
}

// report appends what is to be told; the header's epoch is 0 if there is none. Of an
// epoch that is still to be offered nothing is told: the peer would not believe it, and
// the grants in it would count as told.
func (in *inbound) report(buf []byte) (frame.Header, []byte) {
	window := in.peer.mesh.window.Load()
	in.mu.Lock()
	defer in.mu.Unlock()
	hd := frame.Header{
		Kind: frame.Report, Link: in.link, Nonce: in.peer.mesh.config.Nonce,
		Epoch: in.rx.Epoch(), Sequence: in.rx.Expected(),
	}
	if hd.Epoch == 0 || in.unsaid {
		hd.Epoch = 0
		return hd, buf
	}
	in.grants = in.grants[:0]
	for _, c := range in.accounts {
		if !c.accepted {
			continue
		}
		if limit, taken, fresh := c.Grant(window); fresh || in.all {
			in.grants = append(in.grants, frame.Grant{To: c.to, Limit: limit, Tuples: taken, Cost: c.cost})
		}
	}
	in.frames, in.due, in.all, in.told = 0, 0, false, in.applied
	return hd, frame.AppendReport(buf, in.rx.Lost(), in.grants)
}

// reported says that the net took the report.
func (in *inbound) reported() {
	in.mu.Lock()
	in.said = in.told
	in.mu.Unlock()
	in.peer.mesh.released()
}

// owed has it report at once what it has not yet, and returns what is to be said
// then.
func (in *inbound) owed() uint64 {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.said != in.applied {
		in.urgentLocked()
	}
	return in.applied
}

func (in *inbound) hasSaid(n uint64) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.said >= n
}

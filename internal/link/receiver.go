package link

import "github.com/waterspout/waterspout/internal/frame"

// MaxLost is how many ranges of lost frames a Receiver remembers until their
// sender has heard of them. Beyond, it counts what lies between two ranges as
// lost, too: trees fail that need not have.
const MaxLost = 64

// A Receiver is the receiving end of a link. The zero Receiver has offered
// nothing.
type Receiver struct {
	attempt, epoch uint64
	expected       uint64
	lost           []frame.Range
}

// Hello answers a sender's attempt with an offer (K6): ok says that Epoch is to be
// offered, fresh that it is a new one, which is the random, not zero, given here.
// The same attempt gets the same offer, an older one none.
func (r *Receiver) Hello(attempt, random uint64) (fresh, ok bool) {
	if attempt <= r.attempt {
		return false, attempt == r.attempt && attempt != 0
	}
	r.attempt, r.epoch, r.expected, r.lost = attempt, random, 1, r.lost[:0]
	return true, true
}

// Attempt is that of the offer.
func (r *Receiver) Attempt() uint64 { return r.attempt }

// Epoch is the one offered last, 0 if none was.
func (r *Receiver) Epoch() uint64 { return r.epoch }

// A Verdict is what to do with a frame.
type Verdict uint8

// The verdicts.
const (
	Apply   Verdict = iota
	Old             // drop it: it came before, or was reported as lost (K1)
	Foreign         // drop it: its epoch is not this one (K6); tell its sender
)

// Frame judges a frame that is intact. Gap says that frames before it are lost,
// which should be reported at once.
func (r *Receiver) Frame(epoch, sequence, base uint64) (v Verdict, gap bool) {
	if v := r.judge(epoch, sequence, base); v != Apply {
		return v, false
	}
	gap = r.skip(sequence)
	r.expected = sequence + 1
	return Apply, gap
}

// Beat is a beat with the last sequence that was sent. It is never applied; the
// answer to any but a foreign one is a report with all grants.
func (r *Receiver) Beat(epoch, last, base uint64) Verdict {
	v := r.judge(epoch, last, base)
	if v == Apply {
		r.skip(last + 1)
	}
	return v
}

func (r *Receiver) judge(epoch, sequence, base uint64) Verdict {
	if epoch == 0 || epoch != r.epoch {
		return Foreign
	}
	r.forget(base)
	if sequence < r.expected {
		return Old
	}
	return Apply
}

// forget drops what the sender knows to be lost: all below its base.
func (r *Receiver) forget(base uint64) {
	n := 0
	for n < len(r.lost) && r.lost[n].Last < base {
		n++
	}
	r.lost = r.lost[:copy(r.lost, r.lost[n:])]
}

// skip counts what is expected and lies before sequence as lost.
func (r *Receiver) skip(sequence uint64) bool {
	if sequence <= r.expected {
		return false
	}
	gap := frame.Range{First: r.expected, Last: sequence - 1}
	r.expected = sequence
	if n := len(r.lost); n == MaxLost || n > 0 && r.lost[n-1].Last+1 == gap.First {
		r.lost[n-1].Last = gap.Last
	} else {
		r.lost = append(r.lost, gap)
	}
	return true
}

// Expected is the next sequence: all before it arrived, or are in Lost.
func (r *Receiver) Expected() uint64 { return r.expected }

// Lost is what was lost and may not be known to the sender yet. The slice is the
// Receiver's, until its next call.
func (r *Receiver) Lost() []frame.Range { return r.lost }

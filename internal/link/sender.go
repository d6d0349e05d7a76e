package link

import (
	"slices"
	"time"

	"github.com/waterspout/waterspout/internal/frame"
	"github.com/waterspout/waterspout/tuple"
)

// The times of a Sender, in nanoseconds.
const (
	BeatEvery  = int64(250 * time.Millisecond) // K2
	StallAfter = int64(5 * time.Second)        // of no release, until a new epoch
	stallMost  = 16 * StallAfter               // of the same, where the net is slow
	stallCalm  = int64(time.Minute)            // after which a stall is forgotten
)

// A Content is what a frame is remembered by until it is released: the roots of
// what is in it (K4), the task instances that its sections are for, and whether
// it holds a mark.
type Content struct {
	Roots []tuple.Root
	Tasks []frame.Address
	Mark  bool
}

// A Loss is the contents of frames that were lost, one after the other, and how
// many frames that are. Roots and Tasks may be in it more than once.
type Loss struct {
	Content
	Frames int
}

// Reset empties l and keeps its memory.
func (l *Loss) Reset() { *l = Loss{Content: Content{Roots: l.Roots[:0], Tasks: l.Tasks[:0]}} }

func (l *Loss) add(c *Content) {
	l.Roots = append(l.Roots, c.Roots...)
	l.Tasks = append(l.Tasks, c.Tasks...)
	l.Mark = l.Mark || c.Mark
	l.Frames++
}

// A Sender is the sending end of a link. The zero Sender waits for Begin.
type Sender struct {
	attempt, epoch uint64 // epoch 0: hello was said, no offer came yet
	base, next     uint64 // unreleased are [base, next)
	kept           []Content
	said           int64 // when Hello, a frame or a beat was last due
	progress       int64 // when a frame was last released, or the first one sent
	patience       int64 // how long it may take this time; 0 is StallAfter
	stalled        int64 // when it last took longer
}

// Begin gives up the epoch, if there is one, and adds everything that is not
// released to loss (K4). The caller says Hello with attempt, which is greater
// than any given before.
func (s *Sender) Begin(attempt uint64, now int64, loss *Loss) {
	for q := s.base; q < s.next; q++ {
		loss.add(s.slot(q))
	}
	s.attempt, s.epoch, s.base, s.next = attempt, 0, 1, 1
	s.said = now
}

// Attempt is the one given to Begin last.
func (s *Sender) Attempt() uint64 { return s.attempt }

// Epoch is 0 until an offer came.
func (s *Sender) Epoch() uint64 { return s.epoch }

// Base is the oldest sequence that is not released.
func (s *Sender) Base() uint64 { return s.base }

// Last is the sequence sent last, 0 if none was.
func (s *Sender) Last() uint64 { return s.next - 1 }

// Unreleased is how many frames are neither received nor lost, as far as is
// known.
func (s *Sender) Unreleased() int { return int(s.next - s.base) }

// An Answer is what an offer, or a stranger's word, means.
type Answer uint8

// The answers.
const (
	Stale  Answer = iota // nothing
	Opened               // the epoch begins: frames may be sent
	Gone                 // the receiver forgot the epoch: Begin another
)

// Offer is the receiver's answer to Hello (K6). It opens the epoch, once.
func (s *Sender) Offer(attempt, epoch uint64, now int64) Answer {
	switch {
	case attempt != s.attempt || epoch == 0 || epoch == s.epoch:
		return Stale
	case s.epoch != 0:
		return Gone
	}
	s.epoch, s.progress, s.said = epoch, now, now
	return Opened
}

// Stranger says that the receiver did not offer epoch.
func (s *Sender) Stranger(epoch uint64) Answer {
	if epoch == 0 || epoch != s.epoch {
		return Stale
	}
	return Gone
}

// Next is the sequence of the next frame, whose content it copies. The epoch must
// be open.
func (s *Sender) Next(now int64, c Content) uint64 {
	if s.base == s.next {
		s.progress = now
	}
	if s.Unreleased() == len(s.kept) {
		s.grow()
	}
	k := s.slot(s.next)
	k.Roots = append(k.Roots[:0], c.Roots...)
	k.Tasks = append(k.Tasks[:0], c.Tasks...)
	k.Mark = c.Mark
	s.said = now
	s.next++
	return s.next - 1
}

func (s *Sender) slot(sequence uint64) *Content { return &s.kept[sequence&uint64(len(s.kept)-1)] }

func (s *Sender) grow() {
	grown := Sender{kept: make([]Content, max(16, 2*len(s.kept)))}
	for q := s.base; q < s.next; q++ {
		*grown.slot(q) = *s.slot(q)
	}
	s.kept = grown.kept
}

// Report is what the receiver says of epoch: that it expects a sequence next, and
// what it lost before that (K1). What is below was received, and so is released (K5),
// or is added to loss. It is false for a report that cannot be of this epoch; nothing
// of it is then to be believed. Reports may come late, twice or not at all.
func (s *Sender) Report(epoch, expected uint64, lost []frame.Range, now int64, loss *Loss) bool {
	if epoch == 0 || epoch != s.epoch || expected > s.next || len(lost) > MaxLost {
		return false
	}
	for ; s.base < expected; s.base++ {
		if slices.ContainsFunc(lost, func(r frame.Range) bool { return r.First <= s.base && s.base <= r.Last }) {
			loss.add(s.slot(s.base))
		}
		s.progress = now
	}
	return true
}

// Delayed says that the net was slow to take a frame, which says nothing of the
// receiver: it has its time again.
func (s *Sender) Delayed(now int64) { s.progress = now }

// patient is how long no release is no silence. It grows with each stall: on a slow
// net the frames of a new epoch stand behind those of the last, and would be given up
// as they were.
func (s *Sender) patient(now int64) int64 {
	if now-s.stalled > stallCalm {
		s.patience = 0
	}
	return max(s.patience, StallAfter)
}

// An Action is what a Sender wants.
type Action uint8

// The actions.
const (
	Rest   Action = iota
	Greet         // say Hello again
	Beat          // say the last sequence again, in the lane of the frames (K2)
	GiveUp        // the receiver is silent: Begin another epoch
)

// Tick is what is due at now, and when to ask again, 0 if that depends on what
// happens before. blocked says that somebody waits for credit: a beat is
// answered with all grants, so that a lost one cannot block for ever (C1).
func (s *Sender) Tick(now int64, blocked bool) (Action, int64) {
	unreleased := s.Unreleased() > 0
	switch {
	case s.attempt == 0:
		return Rest, 0
	case s.epoch != 0 && unreleased && now-s.progress >= s.patient(now):
		s.patience, s.stalled = min(2*s.patient(now), stallMost), now
		return GiveUp, now + BeatEvery
	case s.epoch != 0 && !unreleased && !blocked:
		return Rest, 0
	case now-s.said < BeatEvery:
		return Rest, s.said + BeatEvery
	}
	s.said = now
	if s.epoch == 0 {
		return Greet, now + BeatEvery
	}
	return Beat, now + BeatEvery
}

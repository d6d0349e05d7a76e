// Package acker is the ledger of one spout task: which of its trees of tuples
// are open, and when each is done.
//
// A tree is one 64-bit word: the XOR of every edge made and every edge consumed
// under its root. It is zero when every tuple of the tree was acked, but for a
// chance of 2^-64 (Storm's algorithm; the parity lemma in docs/protocol.md).
// Roots are sequential, so the ledger is a ring where Storm has a map: a tree's
// slot is its sequence modulo the ring, and the slot keeps the whole root to
// know late messages from its own (rule L4).
//
// The invariant: each tree that was opened ends exactly once, as done, failed
// or expired. A Ledger has no goroutine, clock, lock or random source; the
// engine calls it under the lock of the spout task's ack lane and moves what it
// returns.
//
//	l := acker.New(instance, 4096)
//	root, _ := l.Open(id, word, now)                    // before the first tuple leaves (L1)
//	ended, event := l.Pair(acker.Pair{Root: root, Word: word}, now)
//	if event == acker.Done { spout.Ack(ended.ID) }
package acker

import "github.com/waterspout/waterspout/tuple"

// A Pair is what a task that consumed a tuple says of it, per root: the XOR of
// the tuple's edge and of all edges it made for the tuple's children (rule T1).
type Pair struct {
	Root tuple.Root
	Word uint64
}

// An Event is what became of a message to the ledger.
type Event uint8

// The events.
const (
	Pending Event = iota // the tree is still open
	Done                 // the tree ended
	Late                 // no such tree is open: it ended before (L2)
	False                // the last pair of a tree that had expired: the timeout was too short (O3)
)

// An Ended is a tree that ended.
type Ended struct {
	Root tuple.Root
	ID   uint64 // the spout's id, as given to Open
	Born int64  // the time given to Open
}

type slot struct {
	root tuple.Root // zero: free
	word uint64
	id   uint64
	born int64
	hot  int64 // last progress
}

// ghosts bounds how many expired trees are remembered for rule O3.
const ghosts = 4096

// A Ledger is the open trees of one spout instance. Times are in nanoseconds of
// any monotonic clock. Make one with [New].
type Ledger struct {
	instance uint32
	next     uint64
	open     int
	oldest   uint64 // no tree before this sequence is open
	ring     []slot
	expired  map[tuple.Root]uint64 // word of trees that timed out, until their last pair
}

// New makes the ledger of a spout instance, with room for twice max trees or a
// little more: open trees are at most max, but their span may be longer, and
// the ring skips slots that are taken (L6).
func New(instance uint32, max int) *Ledger {
	size := 2
	for size < 2*max {
		size *= 2
	}
	return &Ledger{instance: instance, ring: make([]slot, size), expired: map[tuple.Root]uint64{}}
}

// Open opens a tree whose first edges XOR to word, which must not be zero.
// It is called once per attempt, before any of the tree's tuples is handed over
// (L1), and gives every attempt a new root (L3). It reports false if every slot
// is taken.
func (l *Ledger) Open(id, word uint64, now int64) (tuple.Root, bool) {
	if l.open == len(l.ring) {
		return 0, false
	}
	s := l.slot(l.next)
	for s.root != 0 {
		l.next++
		s = l.slot(l.next)
	}
	root := tuple.NewRoot(l.instance, l.next)
	*s = slot{root: root, word: word, id: id, born: now, hot: now}
	l.next++
	l.open++
	return root, true
}

func (l *Ledger) slot(sequence uint64) *slot { return &l.ring[sequence&uint64(len(l.ring)-1)] }

func (l *Ledger) find(root tuple.Root) *slot {
	if s := l.slot(root.Sequence()); s.root == root && root != 0 {
		return s
	}
	return nil
}

// Pair applies one pair. Only a pair that hits an open tree counts as progress
// (O4). Ended is set if the event is Done.
func (l *Ledger) Pair(p Pair, now int64) (Ended, Event) {
	s := l.find(p.Root)
	if s == nil {
		return Ended{}, l.late(p)
	}
	s.word ^= p.Word
	s.hot = now
	if s.word != 0 {
		return Ended{}, Pending
	}
	return l.end(s), Done
}

func (l *Ledger) late(p Pair) Event {
	word, ok := l.expired[p.Root]
	if !ok {
		return Late
	}
	if word ^= p.Word; word != 0 {
		l.expired[p.Root] = word
		return Late
	}
	delete(l.expired, p.Root)
	return False
}

// Fail ends a tree at once; what still comes for it is late (L7).
func (l *Ledger) Fail(root tuple.Root) (Ended, Event) {
	delete(l.expired, root)
	s := l.find(root)
	if s == nil {
		return Ended{}, Late
	}
	return l.end(s), Done
}

func (l *Ledger) end(s *slot) Ended {
	e := Ended{s.root, s.id, s.born}
	*s = slot{}
	l.open--
	return e
}

// Expire ends the trees that made no progress for idle, or are older than age
// whatever their progress (O4), and appends them to dst. It also returns the
// earliest time at which another could expire, 0 if none is open. It costs one
// pass over the ring.
func (l *Ledger) Expire(dst []Ended, now, idle, age int64) (_ []Ended, next int64) {
	if len(l.expired) > ghosts {
		clear(l.expired)
	}
	for i := range l.ring {
		s := &l.ring[i]
		if s.root == 0 {
			continue
		}
		at := min(s.hot+idle, s.born+age)
		if at <= now {
			l.expired[s.root] = s.word
			dst = append(dst, l.end(s))
		} else if next == 0 || at < next {
			next = at
		}
	}
	return dst, next
}

// FailAll ends every open tree and appends them to dst: a worker was lost, and
// nobody knows which trees it had part of (L8), or the topology ends.
func (l *Ledger) FailAll(dst []Ended) []Ended {
	for i := range l.ring {
		if s := &l.ring[i]; s.root != 0 {
			dst = append(dst, l.end(s))
		}
	}
	return dst
}

// Len is how many trees are open.
func (l *Ledger) Len() int { return l.open }

// Oldest is the earliest birth among the open trees, 0 if none is open. Trees are
// opened in the order of their sequences, so it looks for the first that is open,
// and never at one twice that has ended. It costs one pass over the ring at most,
// however many trees there were since it was asked last.
func (l *Ledger) Oldest() int64 {
	if l.open == 0 {
		l.oldest = l.next
		return 0
	}
	if l.next-l.oldest > uint64(len(l.ring)) {
		l.oldest = l.next - l.span()
	}
	for l.find(tuple.NewRoot(l.instance, l.oldest)) == nil {
		l.oldest++
	}
	return l.slot(l.oldest).born
}

// span is how many sequences ago the first of the open trees was opened.
func (l *Ledger) span() (span uint64) {
	for i := range l.ring {
		if root := l.ring[i].root; root != 0 {
			span = max(span, tuple.NewRoot(0, l.next-root.Sequence()).Sequence())
		}
	}
	return span
}

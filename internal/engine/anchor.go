package engine

import (
	"errors"
	"math/rand/v2"

	"github.com/waterspout/waterspout/acker"
	"github.com/waterspout/waterspout/tuple"
)

var errDead = errors.New("emitted on an input that was already acked or failed")

// An anchor is the input that a bolt task works on, and the words of what it
// emitted so far. It belongs to the task's goroutine.
type anchor struct {
	lin   *tuple.Lineage // nil outside Execute
	word  uint64         // XOR of the edges made under lin.Link
	more  []uint64       // the same under each of lin.More
	held  turn           // of the input, if it is held
	fault error          // an emit that could not be sent (T1, E3)
	only  *uint64        // the edge of the one tuple emitted so far, while it is staged (E4)
	late  bool           // the tree is due a sign of life: no tuple moves (E4, O4)
}

func (a *anchor) begin(lin *tuple.Lineage) {
	a.lin, a.word, a.held, a.fault, a.only = lin, 0, 0, nil, nil
	if lin.More != nil {
		a.more = append(a.more[:0], make([]uint64, len(*lin.More))...)
	}
}

func (a *anchor) simple() bool { return a.held == 0 && a.lin.More == nil }

// move gives the only tuple that was emitted on the input the input's own edge, and
// reports whether there is one (E4). The word of such an input is zero: the tuple
// has moved on, and the ledger need not hear of it.
func (a *anchor) move() bool {
	if a.only == nil || a.late {
		return false
	}
	*a.only = a.lin.Edge
	return true
}

// edges draws fresh random edges: one per emit, target and anchor (E1), none of
// them zero (E2).
type edges struct{ rand.PCG }

func (e *edges) next() uint64 {
	for {
		if w := e.Uint64(); w != 0 {
			return w
		}
	}
}

// child is the lineage of one more tuple below the current input and the held
// ones given. Every anchor gets an edge of its own, also when two share a root.
// It is not alive, and must not be sent, if it would hang from dead anchors only
// (T1).
func (c *boltCore) child(also []tuple.Held) (lin tuple.Lineage, alive bool) {
	var b lineage
	dead := 0
	if c.at.lin == nil {
		// A tick has no input of its own.
	} else if c.at.held == 0 {
		c.at.grow(&b, &c.edges)
	} else if !c.holds.grow(c.at.held, &b, &c.edges) {
		dead++
	}
	for _, h := range also {
		holder, slot, gen := h.Slot()
		if holder != tuple.Holder(c.holds) || !c.holds.growHeld(turnOf(slot, gen), &b, &c.edges) {
			dead++
		}
	}
	if dead > 0 {
		c.at.fault = errDead
		c.unsent.Add(1)
	}
	return b.lineage(), dead == 0 || len(b.links) > 0
}

// grow adds an edge under each root of the anchor to b.
func (a *anchor) grow(b *lineage, e *edges) {
	if a.lin.Root != 0 {
		w := e.next()
		a.word ^= w
		b.add(a.lin.Root, w)
	}
	if a.lin.More == nil {
		return
	}
	for i, l := range *a.lin.More {
		w := e.next()
		a.more[i] ^= w
		b.add(l.Root, w)
	}
}

// pairs gives the anchor's pairs to put: the input's edge under each root, XOR
// the edges made under it.
func (a *anchor) pairs(put func(acker.Pair)) {
	if a.lin.Root != 0 {
		put(acker.Pair{Root: a.lin.Root, Word: a.lin.Edge ^ a.word})
	}
	if a.lin.More == nil {
		return
	}
	for i, l := range *a.lin.More {
		put(acker.Pair{Root: l.Root, Word: l.Edge ^ a.more[i]})
	}
}

// A lineage gathers links, joining those of one root.
type lineage struct{ links []tuple.Link }

func (b *lineage) add(root tuple.Root, edge uint64) {
	for i := range b.links {
		if b.links[i].Root == root {
			b.links[i].Edge ^= edge
			return
		}
	}
	b.links = append(b.links, tuple.Link{Root: root, Edge: edge})
}

func (b *lineage) lineage() tuple.Lineage {
	switch len(b.links) {
	case 0:
		return tuple.Lineage{}
	case 1:
		return tuple.Lineage{Link: b.links[0]}
	}
	more := b.links[1:]
	return tuple.Lineage{Link: b.links[0], More: &more}
}

// roots calls f with every root of the lineage.
func roots(lin *tuple.Lineage, f func(tuple.Root)) {
	if lin.Root != 0 {
		f(lin.Root)
	}
	if lin.More != nil {
		for _, l := range *lin.More {
			f(l.Root)
		}
	}
}

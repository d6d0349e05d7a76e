package engine

import (
	"errors"
	"slices"
	"sync"

	"github.com/waterspout/waterspout/acker"
	"github.com/waterspout/waterspout/tuple"
)

type holdState uint8

const (
	free holdState = iota
	executing
	open
	settled // while executing: the outcome waits for Execute's return
)

// A hold is one held input: 40 bytes, since a writer bolt may have tens of
// thousands. What few have is kept beside it.
type hold struct {
	lin   tuple.Lineage
	word  uint64 // as anchor.word
	gen   uint32
	state holdState
}

// holds are the held inputs of one bolt task (T2, T3): a slab, so that a Held
// is a number and its generation. Any goroutine may settle one.
type holds struct {
	core *boltCore

	mu     sync.Mutex // guards all below
	slots  []hold
	unused []uint32
	more   map[uint32][]uint64 // as anchor.more, of inputs with several roots
	told   map[uint32]error    // outcomes of settled holds
	pairs  laneBuffers
	acked  uint64 // since the last publish
}

// count is how many inputs are held.
func (h *holds) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.slots) - len(h.unused)
}

// hold takes the current input over, with the edges made for it so far.
func (h *holds) hold(a *anchor) tuple.Held {
	h.mu.Lock()
	defer h.mu.Unlock()
	if a.held >= 0 {
		return tuple.NewHeld(h, uint32(a.held), h.slots[a.held].gen)
	}
	slot := h.slotLocked()
	s := &h.slots[slot]
	s.state, s.lin, s.word = executing, *a.lin, a.word
	if a.lin.More != nil {
		if h.more == nil {
			h.more = map[uint32][]uint64{}
		}
		h.more[slot] = slices.Clone(a.more)
	}
	a.held = int(slot)
	return tuple.NewHeld(h, slot, s.gen)
}

func (h *holds) slotLocked() uint32 {
	if n := len(h.unused); n > 0 {
		slot := h.unused[n-1]
		h.unused = h.unused[:n-1]
		return slot
	}
	h.slots = append(h.slots, hold{gen: 1})
	return uint32(len(h.slots) - 1)
}

// anchorLocked is the hold in slot as an anchor.
func (h *holds) anchorLocked(slot uint32) anchor {
	s := &h.slots[slot]
	a := anchor{lin: &s.lin, word: s.word}
	if s.lin.More != nil {
		a.more = h.more[slot]
	}
	return a
}

func (h *holds) growLocked(slot uint32, b *lineage, e *edges) {
	a := h.anchorLocked(slot)
	a.grow(b, e)
	h.slots[slot].word = a.word
}

// grow adds edges for a tuple below the hold in slot, if it is not settled.
func (h *holds) grow(slot uint32, b *lineage, e *edges) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.slots[slot].state == settled {
		return false
	}
	h.growLocked(slot, b, e)
	return true
}

func (h *holds) growHeld(slot, gen uint32, b *lineage, e *edges) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if int(slot) >= len(h.slots) {
		return false
	}
	if s := &h.slots[slot]; s.gen != gen || s.state == free || s.state == settled {
		return false
	}
	h.growLocked(slot, b, e)
	return true
}

// returned says that Execute returned with the input held: err fails it, and an
// outcome that came meanwhile counts now, unless something was emitted after it
// and not sent: that fault fails the input (T1).
func (h *holds) returned(slot uint32, err, fault error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := &h.slots[slot]; err == nil && fault == nil && s.state != settled {
		s.state = open
		return
	}
	h.concludeLocked(slot, err, fault, &h.core.acks)
	h.publishLocked()
}

func (h *holds) concludeLocked(slot uint32, err, fault error, to *laneBuffers) {
	if h.slots[slot].state == settled {
		err = h.told[slot]
		delete(h.told, slot)
	}
	if fault != nil {
		err = errors.Join(fault, err)
	}
	h.endLocked(slot, err, to)
}

// Settle implements tuple.Holder.
func (h *holds) Settle(slot, gen uint32, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.settleLocked(slot, gen, err)
	h.publishLocked()
}

// AckAll implements tuple.Holder.
func (h *holds) AckAll(held []tuple.Held) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, x := range held {
		_, slot, gen := x.Slot()
		h.settleLocked(slot, gen, nil)
	}
	h.publishLocked()
}

// publishLocked makes visible what was settled.
func (h *holds) publishLocked() {
	h.core.acked.Add(h.acked)
	h.acked = 0
	h.pairs.flush(h.core.run)
}

func (h *holds) settleLocked(slot, gen uint32, err error) {
	s := &h.slots[slot]
	if s.gen != gen {
		return
	}
	switch s.state {
	case executing:
		s.state = settled
		if err != nil {
			if h.told == nil {
				h.told = map[uint32]error{}
			}
			h.told[slot] = err
		}
	case open:
		h.endLocked(slot, err, &h.pairs)
	}
}

// endLocked ends a hold and frees its slot; its pairs go to the buffers given,
// which the caller owns and flushes. It never blocks: ack traffic has a lane
// without bound.
func (h *holds) endLocked(slot uint32, err error, to *laneBuffers) {
	s := &h.slots[slot]
	if fails, why := h.outcomeLocked(err); fails {
		h.core.failRoots(&s.lin, why)
	} else if s.lin.More == nil {
		if s.lin.Root != 0 {
			to.add(h.core.run, acker.Pair{Root: s.lin.Root, Word: s.lin.Edge ^ s.word})
		}
	} else {
		a := h.anchorLocked(slot)
		a.pairs(func(p acker.Pair) { to.add(h.core.run, p) })
	}
	if s.lin.More != nil {
		delete(h.more, slot)
	}
	s.state, s.lin = free, tuple.Lineage{}
	s.gen++
	h.unused = append(h.unused, slot)
}

// outcomeLocked is boltCore.outcome; acks are counted with the next publish.
func (h *holds) outcomeLocked(err error) (fails bool, why tuple.Failure) {
	if err == nil {
		h.acked++
		return false, why
	}
	out := h.core.outcome(err)
	return out.fail, out.failure
}

// failAll fails every held input, since the bolt that held them is gone (T3).
func (h *holds) failAll(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for slot := range h.slots {
		if h.slots[slot].state != free {
			h.endLocked(uint32(slot), err, &h.pairs)
		}
	}
	h.publishLocked()
}

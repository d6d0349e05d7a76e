package engine

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/waterspout/waterspout/acker"
	"github.com/waterspout/waterspout/tuple"
)

// holds are the held inputs of one bolt task (T2, T3), by slot and generation: a
// Held is no more. The task holds and lets go without a lock, since a writer's
// outcomes come while it goes on; all else is under one, and may be called from any
// goroutine.
type holds struct {
	core *boltCore
	slab slab

	mine   []vacancy     // free slots, of the task alone
	held   uint64        // how many there were, ever; of the task alone
	public atomic.Uint64 // held, as others know it

	mu     sync.Mutex          // guards all below, and every change but from free and from executing to open
	unused []vacancy           // free slots that the task may have
	more   map[uint32]branches // of inputs with several roots
	told   map[uint32]error    // outcomes of settled holds
	lin    tuple.Lineage       // of the input that was resumed
	pairs  laneBuffers
	acked  uint64 // since the last publish
	ended  uint64 // ever
}

// publish makes visible how many inputs were held; the task calls it.
func (h *holds) publish() {
	if h.public.Load() != h.held {
		h.public.Store(h.held)
	}
}

// count is how many inputs are held, but for those of the batch that the task works
// on.
func (h *holds) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return max(0, int(h.public.Load()-h.ended))
}

// hold takes the current input over, with the edges made for it so far. The task
// calls it.
func (h *holds) hold(a *anchor) tuple.Held {
	if a.held >= 0 {
		slot := uint32(a.held)
		return tuple.NewHeld(h, slot, h.slab.at(slot).now().gen())
	}
	v := h.vacancy()
	slot, gen := v.slot, v.gen
	*h.slab.of(slot) = kept{a.lin.Root, a.lin.Edge ^ a.word}
	if a.lin.More != nil {
		h.keep(slot, branches{a.lin.More, slices.Clone(a.more)})
	}
	h.slab.at(slot).set(turnOf(gen, executing))
	a.held = int(slot)
	h.held++
	return tuple.NewHeld(h, slot, gen)
}

// vacancy is a free slot.
func (h *holds) vacancy() vacancy {
	if len(h.mine) == 0 {
		h.mu.Lock()
		h.mine, h.unused = h.unused, h.mine
		h.mu.Unlock()
	}
	if len(h.mine) == 0 {
		h.mine = h.slab.grow(h.mine)
	}
	last := len(h.mine) - 1
	v := h.mine[last]
	h.mine = h.mine[:last]
	return v
}

func (h *holds) keep(slot uint32, b branches) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.more == nil {
		h.more = map[uint32]branches{}
	}
	h.more[slot] = b
}

// lineageLocked is that of the hold in slot.
func (h *holds) lineageLocked(slot uint32) tuple.Lineage {
	k := h.slab.of(slot)
	return tuple.Lineage{Link: tuple.Link{Root: k.root, Edge: k.word}, More: h.more[slot].links}
}

func (h *holds) growLocked(slot uint32, b *lineage, e *edges) {
	lin := h.lineageLocked(slot)
	a := anchor{lin: &lin, more: h.more[slot].words}
	a.grow(b, e)
	h.slab.of(slot).word ^= a.word
}

// grow adds edges for a tuple below the hold in slot, if it is not settled.
func (h *holds) grow(slot uint32, b *lineage, e *edges) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.slab.at(slot).now().state() == settled {
		return false
	}
	h.growLocked(slot, b, e)
	return true
}

func (h *holds) growHeld(slot, gen uint32, b *lineage, e *edges) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if int(slot) >= h.slab.len() {
		return false
	}
	if p := h.slab.at(slot).now(); p != turnOf(gen, executing) && p != turnOf(gen, open) {
		return false
	}
	h.growLocked(slot, b, e)
	return true
}

// returned says that Execute returned with the input held: err fails it, and an
// outcome that came meanwhile counts now, unless something was emitted after it
// and not sent: that fault fails the input (T1). The task calls it.
func (h *holds) returned(slot uint32, err, fault error) {
	if err == nil && fault == nil {
		s := h.slab.at(slot)
		if p := s.now(); p.state() == executing && s.become(p, open) {
			return
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.concludeLocked(slot, err, fault)
	h.publishLocked()
}

func (h *holds) concludeLocked(slot uint32, err, fault error) {
	if h.slab.at(slot).now().state() == settled {
		err = h.told[slot]
		delete(h.told, slot)
	}
	if fault != nil {
		err = errors.Join(fault, err)
	}
	h.endLocked(slot, err)
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
	s := h.slab.at(slot)
	switch s.now() {
	case turnOf(gen, executing):
		h.tellLocked(slot, gen, err)
	case turnOf(gen, open):
		h.endLocked(slot, err)
	}
}

// tellLocked leaves an outcome to the task, which is about to return from Execute,
// or has meanwhile.
func (h *holds) tellLocked(slot, gen uint32, err error) {
	if err != nil {
		if h.told == nil {
			h.told = map[uint32]error{}
		}
		h.told[slot] = err
	}
	if !h.slab.at(slot).become(turnOf(gen, executing), settled) {
		delete(h.told, slot)
		h.endLocked(slot, err)
	}
}

// endLocked ends a hold and frees its slot; the caller publishes. It never blocks:
// ack traffic has a lane without bound.
func (h *holds) endLocked(slot uint32, err error) {
	s, k := h.slab.at(slot), h.slab.of(slot)
	switch fails, why := h.outcomeLocked(err); {
	case fails:
		lin := h.lineageLocked(slot)
		h.core.failRoots(&lin, why)
	case len(h.more) == 0: // mostly
		if k.root != 0 {
			h.pairs.add(h.core.run, acker.Pair{Root: k.root, Word: k.word})
		}
	default:
		lin := h.lineageLocked(slot)
		a := anchor{lin: &lin, more: h.more[slot].words}
		a.pairs(func(p acker.Pair) { h.pairs.add(h.core.run, p) })
	}
	delete(h.more, slot)
	gen := s.now().gen() + 1
	s.set(turnOf(gen, free))
	h.unused = append(h.unused, vacancy{slot, gen})
	h.ended++
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
	for slot := range uint32(h.slab.len()) {
		if h.slab.at(slot).now().state() != free {
			h.endLocked(slot, err)
		}
	}
	h.publishLocked()
}

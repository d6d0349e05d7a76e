package engine

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/waterspout/waterspout/acker"
	"github.com/waterspout/waterspout/tuple"
)

// holds are the held inputs of one bolt task (T2, T3), by turn: a Held is no more. The
// task holds and lets go without a lock, since a writer's outcomes come while it goes
// on; all else is under one, and may be called from any goroutine.
type holds struct {
	core *boltCore

	mine      []turn        // free slots, of the task alone
	held      uint64        // how many there were, ever; of the task alone
	public    atomic.Uint64 // held, as others know it
	executing atomic.Uint64 // the turn of the input that is held and executes, perhaps settled

	_    [64]byte // a cache line, between what the task writes and what others do
	slab slab     // the task makes it larger, under mu, and writes what a turn keeps, before others know of it
	_    [64]byte

	mu     sync.Mutex          // guards all below, and the generations in slab
	unused []turn              // free slots that the task may have
	more   map[uint32]branches // of inputs with several roots
	told   error               // outcome of the one that executes
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
	if a.held == 0 {
		h.begin(a)
	}
	return tuple.NewHeld(h, a.held.slot(), a.held.gen())
}

func (h *holds) begin(a *anchor) {
	t := h.vacancy()
	*h.slab.of(t.slot()) = kept{a.lin.Root, a.lin.Edge ^ a.word}
	if a.lin.More != nil {
		h.keep(t.slot(), branches{a.lin.More, slices.Clone(a.more)})
	}
	h.executing.Store(uint64(t))
	a.held = t
	h.held++
}

// vacancy is the next turn of a free slot.
func (h *holds) vacancy() turn {
	if len(h.mine) == 0 {
		h.mu.Lock()
		h.mine, h.unused = h.unused, h.mine
		if len(h.mine) == 0 {
			h.mine = h.slab.grow(h.mine)
		}
		h.mu.Unlock()
	}
	last := len(h.mine) - 1
	t := h.mine[last]
	h.mine = h.mine[:last]
	return t
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

// grow adds edges for a tuple below the input that is held and executes, if it has no
// outcome.
func (h *holds) grow(t turn, b *lineage, e *edges) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if turn(h.executing.Load()) != t {
		return false
	}
	h.growLocked(t.slot(), b, e)
	return true
}

// growHeld adds edges for a tuple below a held input, if it has no outcome.
func (h *holds) growHeld(t turn, b *lineage, e *edges) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.slab.has(t) || turn(h.executing.Load()) == t|settled {
		return false
	}
	h.growLocked(t.slot(), b, e)
	return true
}

// returned says that Execute returned with the input held: err fails it, and an
// outcome that came meanwhile counts now, unless something was emitted after it
// and not sent: that fault fails the input (T1). The task calls it.
func (h *holds) returned(t turn, err, fault error) {
	if err == nil && fault == nil && h.executing.CompareAndSwap(uint64(t), 0) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.concludeLocked(t, err, fault)
	h.publishLocked()
}

func (h *holds) concludeLocked(t turn, err, fault error) {
	if turn(h.executing.Swap(0)) != t {
		err, h.told = h.told, nil
	}
	if fault != nil {
		err = errors.Join(fault, err)
	}
	h.endLocked(t, err)
}

// Settle implements tuple.Holder.
func (h *holds) Settle(slot, gen uint32, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.settleLocked(turnOf(slot, gen), turn(h.executing.Load()), err)
	h.publishLocked()
}

// AckAll implements tuple.Holder. It looks once at what executes, since the task writes
// that for every input: one that was held before and does not execute has returned.
func (h *holds) AckAll(held []tuple.Held) {
	h.mu.Lock()
	defer h.mu.Unlock()
	executing := turn(h.executing.Load())
	for _, x := range held {
		_, slot, gen := x.Slot()
		h.settleLocked(turnOf(slot, gen), executing, nil)
	}
	h.publishLocked()
}

// publishLocked makes visible what was settled.
func (h *holds) publishLocked() {
	h.core.acked.Add(h.acked)
	h.acked = 0
	h.pairs.flush(h.core.run)
}

func (h *holds) settleLocked(t, executing turn, err error) {
	switch {
	case !h.slab.has(t): // it has ended
	case executing&^settled == t && h.tellLocked(t, err):
	default:
		h.endLocked(t, err)
	}
}

// tellLocked leaves an outcome, the first, to the task that executes the input, and
// reports false if it has returned meanwhile.
func (h *holds) tellLocked(t turn, err error) bool {
	if h.executing.CompareAndSwap(uint64(t), uint64(t|settled)) {
		h.told = err
		return true
	}
	return turn(h.executing.Load()) == t|settled
}

// endLocked ends a hold and frees its slot; the caller publishes. It never blocks:
// ack traffic has a lane without bound.
func (h *holds) endLocked(t turn, err error) {
	slot := t.slot()
	if k := h.slab.of(slot); err != nil || len(h.more) > 0 {
		h.endSlowLocked(slot, err)
	} else if h.acked++; k.root != 0 {
		h.pairs.add(h.core.run, acker.Pair{Root: k.root, Word: k.word})
	}
	h.unused = append(h.unused, h.slab.free(slot))
	h.ended++
}

func (h *holds) endSlowLocked(slot uint32, err error) {
	lin := h.lineageLocked(slot)
	if fails, why := h.outcomeLocked(err); fails {
		h.core.run.failTrees(&lin, why)
	} else {
		a := anchor{lin: &lin, more: h.more[slot].words}
		a.pairs(func(p acker.Pair) { h.pairs.add(h.core.run, p) })
	}
	delete(h.more, slot)
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

// failAll fails every held input, since the bolt that held them is gone (T3). The task
// calls it.
func (h *holds) failAll(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	vacant := make([]bool, h.slab.len())
	for _, t := range slices.Concat(h.mine, h.unused) {
		vacant[t.slot()] = true
	}
	for slot := range vacant {
		if !vacant[slot] {
			h.endLocked(turnOf(uint32(slot), *h.slab.gen(uint32(slot))), err)
		}
	}
	h.publishLocked()
}

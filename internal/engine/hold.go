package engine

import (
	"sync/atomic"

	"github.com/waterspout/waterspout/tuple"
)

type holdState uint8

const (
	free holdState = iota
	executing
	open
	settled // while executing: the outcome waits for Execute's return
)

// A hold is the state of one held input: a turn.
type hold struct{ atomic.Uint64 }

// A kept is what an ack needs of a held input: little, since a writer bolt may have
// tens of thousands. What few have is kept beside it.
type kept struct {
	root tuple.Root
	word uint64 // of the pair: the input's edge XOR the edges made for it
}

// branches are the other roots of a held input.
type branches struct {
	links *[]tuple.Link
	words []uint64 // as anchor.more
}

// A turn is the generation of a slot and the state of the hold in it, in one word.
type turn uint64

func turnOf(gen uint32, s holdState) turn { return turn(gen)<<8 | turn(s) }

func (t turn) gen() uint32      { return uint32(t >> 8) }
func (t turn) state() holdState { return holdState(t) }

func (h *hold) now() turn  { return turn(h.Load()) }
func (h *hold) set(t turn) { h.Store(uint64(t)) }

// become changes the state, if it still is that of t.
func (h *hold) become(t turn, s holdState) bool {
	return h.CompareAndSwap(uint64(t), uint64(turnOf(t.gen(), s)))
}

const slabPage = 256

// A slab has the holds of a task, by slot, in pages that stay where they are: who
// settles one looks at it while the task, which alone makes it larger, does so. The
// zero value is an empty slab.
type slab struct {
	pages atomic.Pointer[[]*page]
}

// A page has the states side by side: those of neighbours, which are used one after the
// other, share a cache line, and writing a state waits for its line.
type page struct {
	holds [slabPage]hold
	kept  [slabPage]kept
}

func (s *slab) at(slot uint32) *hold { return &(*s.pages.Load())[slot/slabPage].holds[slot%slabPage] }
func (s *slab) of(slot uint32) *kept { return &(*s.pages.Load())[slot/slabPage].kept[slot%slabPage] }

func (s *slab) len() int {
	if pages := s.pages.Load(); pages != nil {
		return len(*pages) * slabPage
	}
	return 0
}

// A vacancy is a free slot, with its generation: who takes it need not look into the
// slot, which another core had last.
type vacancy struct{ slot, gen uint32 }

// grow appends a page's new slots to unused.
func (s *slab) grow(unused []vacancy) []vacancy {
	first := s.len()
	pages := []*page{}
	if first > 0 {
		pages = append(pages, *s.pages.Load()...)
	}
	p := new(page)
	for i := range p.holds {
		p.holds[i].set(turnOf(1, free))
		unused = append(unused, vacancy{uint32(first + i), 1})
	}
	pages = append(pages, p)
	s.pages.Store(&pages)
	return unused
}

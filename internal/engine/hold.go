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

// A hold is one held input: 24 bytes, since a writer bolt may have tens of
// thousands. What few have is kept beside it.
type hold struct {
	root tuple.Root
	word uint64 // of the pair: the input's edge XOR the edges made for it
	turn atomic.Uint64
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

func (h *hold) now() turn  { return turn(h.turn.Load()) }
func (h *hold) set(t turn) { h.turn.Store(uint64(t)) }

// become changes the state, if it still is that of t.
func (h *hold) become(t turn, s holdState) bool {
	return h.turn.CompareAndSwap(uint64(t), uint64(turnOf(t.gen(), s)))
}

const slabPage = 256

// A slab has the holds of a task, by slot, in pages that stay where they are: who
// settles one looks at it while the task, which alone makes it larger, does so. The
// zero value is an empty slab.
type slab struct {
	pages atomic.Pointer[[]*[slabPage]hold]
}

func (s *slab) at(slot uint32) *hold { return &(*s.pages.Load())[slot/slabPage][slot%slabPage] }

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
	pages := []*[slabPage]hold{}
	if first > 0 {
		pages = append(pages, *s.pages.Load()...)
	}
	page := new([slabPage]hold)
	for i := range page {
		page[i].set(turnOf(1, free))
		unused = append(unused, vacancy{uint32(first + i), 1})
	}
	pages = append(pages, page)
	s.pages.Store(&pages)
	return unused
}

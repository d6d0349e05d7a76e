package engine

import "github.com/waterspout/waterspout/tuple"

// A turn is one use of a slot for a held input: the slot, and how often it was used
// before, in one word. The zero turn is none.
type turn uint64

// settled marks the turn of an input that executes and whose outcome is there.
const settled turn = 1 << 31

func turnOf(slot, gen uint32) turn { return turn(gen)<<32 | turn(slot+1) }

func (t turn) slot() uint32 { return uint32(t&^settled) - 1 }
func (t turn) gen() uint32  { return uint32(t >> 32) }

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

const slabPage = 256

// A slab has the held inputs of a task, by slot, in pages that stay where they are. The
// zero value is an empty slab.
type slab struct{ pages []*page }

// A page keeps apart what the task writes, when it holds, and what others write, when
// they let go: a cache line that two cores write to is slow for both.
type page struct {
	kept [slabPage]kept
	gens [slabPage]uint32 // of the turn that a slot has, or will have next
}

func (s *slab) of(slot uint32) *kept    { return &s.pages[slot/slabPage].kept[slot%slabPage] }
func (s *slab) gen(slot uint32) *uint32 { return &s.pages[slot/slabPage].gens[slot%slabPage] }
func (s *slab) has(t turn) bool         { return *s.gen(t.slot()) == t.gen() }
func (s *slab) len() int                { return len(s.pages) * slabPage }

// free ends the turn that a slot has, and returns the next.
func (s *slab) free(slot uint32) turn {
	gen := s.gen(slot)
	*gen++
	return turnOf(slot, *gen)
}

// grow appends the turns of a page of new slots to free.
func (s *slab) grow(free []turn) []turn {
	first := s.len()
	s.pages = append(s.pages, new(page))
	for slot := first; slot < s.len(); slot++ {
		free = append(free, turnOf(uint32(slot), 0))
	}
	return free
}

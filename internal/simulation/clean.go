package simulation

import (
	"slices"

	"github.com/waterspout/waterspout/acker"
	"github.com/waterspout/waterspout/tuple"
)

// A life is the number of an attempt, from 1. Roots keep attempts apart in ledgers;
// lives keep them apart in truth, whatever roots they have.
type life int

// An anchor says that a tuple is of an attempt, which has a root.
type anchor struct {
	root tuple.Root
	life life
}

// A registry knows of which attempt every edge is that was drawn.
type registry struct {
	lives   int
	anchors map[node][]anchor
	pairs   map[acker.Pair][]life // of which attempts their edges are
}

func newRegistry() registry {
	return registry{anchors: map[node][]anchor{}, pairs: map[acker.Pair][]life{}}
}

// born begins an attempt, of which these are the first tuples.
func (r *registry) born(root tuple.Root, first attempt) life {
	r.lives++
	l := life(r.lives)
	for _, n := range first {
		r.anchors[n] = []anchor{{root, l}}
	}
	return l
}

// descend makes child, which is anchored to inputs, a tuple of all their attempts.
func (r *registry) descend(child node, ins []input) {
	for _, in := range ins {
		for _, a := range r.anchors[in.node] {
			if !slices.Contains(r.anchors[child], a) {
				r.anchors[child] = append(r.anchors[child], a)
			}
		}
	}
}

// consumed takes down the pair of an input.
func (r *registry) consumed(n node, p acker.Pair) {
	for _, a := range r.anchors[n] {
		if a.root == p.Root {
			r.pairs[p] = append(r.pairs[p], a.life)
		}
	}
}

// clean checks, when a pair has hit a tree, that the tree holds edges of no other
// attempt (the invariant Clean). A late pair may be of anybody.
func (s *simulation) clean(sp *spoutTask, p acker.Pair) {
	open, lives := sp.trees[p.Root].life, s.pairs[p]
	if len(lives) == 0 {
		s.fault("Clean: spout task %d got a pair of %v that nobody sent", sp.task, p.Root)
	}
	for _, l := range lives {
		if l != open {
			s.fault("Clean: a pair of %v and attempt %d went into the word of another; open under that root is %d", p.Root, l, open)
		}
	}
}

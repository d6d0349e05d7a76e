package engine

import "github.com/waterspout/waterspout/acker"

// laneBuffers gather pairs per ack lane. The zero value is ready for use.
type laneBuffers struct {
	pairs [][]acker.Pair // by lane
	dirty bool
}

// add adds a pair, merged with the one before if the root is the same: children
// of one tuple often arrive together.
func (b *laneBuffers) add(r *Run, p acker.Pair) {
	i := r.laneOf(p.Root)
	if i < 0 {
		return
	}
	if b.pairs == nil {
		b.pairs = make([][]acker.Pair, len(r.lanes))
	}
	ps := b.pairs[i]
	n := len(ps)
	if n > 0 && ps[n-1].Root == p.Root {
		ps[n-1].Word ^= p.Word
		return
	}
	b.pairs[i] = append(ps, p)
	b.dirty = true
	if n+1 >= chunk {
		b.hand(r, i)
	}
}

// flush hands the pairs to their lanes, which take them without blocking.
func (b *laneBuffers) flush(r *Run) {
	if !b.dirty {
		return
	}
	b.dirty = false
	for i := range b.pairs {
		b.hand(r, i)
	}
}

func (b *laneBuffers) hand(r *Run, i int) {
	if len(b.pairs[i]) > 0 {
		r.lanes[i].pairs.Put(b.pairs[i])
		b.pairs[i] = b.pairs[i][:0]
	}
}

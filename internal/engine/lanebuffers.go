package engine

import "github.com/waterspout/waterspout/acker"

// laneBuffers gather pairs per home of a spout instance. The zero value is ready
// for use.
type laneBuffers struct {
	pairs [][]acker.Pair // by place in the run's homes
	dirty bool
}

// add adds a pair, merged with the one before if the root is the same: children
// of one tuple often arrive together.
func (b *laneBuffers) add(r *Run, p acker.Pair) {
	homes := r.homes.Load()
	i := homes.of(p.Root)
	if i < 0 {
		return
	}
	if i >= len(b.pairs) {
		b.pairs = append(b.pairs, make([][]acker.Pair, len(homes.all)-len(b.pairs))...)
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
		b.hand(homes, i)
	}
}

// flush hands the pairs over, which never blocks.
func (b *laneBuffers) flush(r *Run) {
	if !b.dirty {
		return
	}
	b.dirty = false
	homes := r.homes.Load()
	for i := range b.pairs {
		b.hand(homes, i)
	}
}

func (b *laneBuffers) hand(homes *homes, i int) {
	if len(b.pairs[i]) > 0 {
		homes.all[i].put(b.pairs[i])
		b.pairs[i] = b.pairs[i][:0]
	}
}

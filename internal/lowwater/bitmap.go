package lowwater

import "math/bits"

// A bitmap is a ring of bits for a window of numbers. Bits outside the window
// are 0, so that a run of ones ends at the window's end.
type bitmap struct{ words []uint64 } // a power of two of them

func (b *bitmap) word(number uint64) *uint64 {
	return &b.words[number>>6&uint64(len(b.words)-1)]
}

// reserve makes room for the window [low, high).
func (b *bitmap) reserve(low, high uint64) {
	need := (high-1)>>6 - low>>6 + 1
	if need <= uint64(len(b.words)) {
		return
	}
	grown := bitmap{make([]uint64, 1<<bits.Len64(need-1))}
	for w := range uint64(len(b.words)) {
		*grown.word(low + w<<6) = *b.word(low + w<<6)
	}
	*b = grown
}

func (b *bitmap) has(number uint64) bool { return *b.word(number)>>(number&63)&1 != 0 }
func (b *bitmap) set(number uint64)      { *b.word(number) |= 1 << (number & 63) }

// shift moves the low end of the window over the ones that it starts with,
// clears them, and returns the new low end.
func (b *bitmap) shift(low uint64) uint64 {
	for {
		w := b.word(low)
		ones := uint64(bits.TrailingZeros64(^(*w >> (low & 63))))
		if low&63+ones < 64 {
			*w &^= 1<<(low&63+ones) - 1
			return low + ones
		}
		*w = 0
		low += ones
	}
}

// count is the number of ones in [low, high).
func (b *bitmap) count(low, high uint64) int {
	if low == high {
		return 0
	}
	n := 0
	for w := low >> 6; w <= (high-1)>>6; w++ {
		n += bits.OnesCount64(*b.word(w << 6))
	}
	return n
}

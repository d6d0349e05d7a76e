package engine

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/waterspout/waterspout/acker"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/tuple"
)

// TestLaneBuffers: whatever is added arrives, in the lane of its root, summed at
// most, and what is of no lane of ours goes nowhere.
func TestLaneBuffers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := newBench(3, 1, grouping.Global[int])
		var buffers laneBuffers
		want := map[tuple.Root]uint64{}
		for i := range rapid.IntRange(0, 3*chunk).Draw(t, "pairs") {
			p := acker.Pair{
				Root: tuple.NewRoot(uint32(i*i%7), uint64(i/2%5)),
				Word: uint64(i)*0x9e3779b97f4a7c15 + 1,
			}
			buffers.add(b.core.run, p)
			if n := p.Root.Instance(); n >= 1 && n <= 3 {
				want[p.Root] ^= p.Word
			}
			if i%100 == 99 {
				buffers.flush(b.core.run)
			}
		}
		buffers.flush(b.core.run)
		for i, l := range b.core.run.lanes {
			for _, p := range l.pairs.Take(nil) {
				if p.Root.Instance() != uint32(i+1) {
					t.Fatalf("root %v came to lane %d", p.Root, i)
				}
				if want[p.Root] ^= p.Word; want[p.Root] == 0 {
					delete(want, p.Root)
				}
			}
		}
		for root, word := range want {
			if word != 0 {
				t.Fatalf("root %v: %x did not arrive", root, word)
			}
		}
	})
}

package engine

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/waterspout/waterspout/acker"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/tuple"
)

// lanesOf are lanes of those instances, as homes.
func lanesOf(b *bench, instances []uint32) map[uint32]home {
	now := map[uint32]home{}
	for _, i := range instances {
		if i > 0 {
			now[i] = home{instance: i, lane: newLane(b.core.comp, b.core.comp.info(0), i)}
		}
	}
	return now
}

// TestHomes changes the spout instances at random: each that lives is found, at the
// place that it always had, and no other is.
func TestHomes(t *testing.T) {
	b := newBench(0, 1, grouping.Global[int])
	rapid.Check(t, func(t *rapid.T) {
		h := &homes{}
		places := map[uint32]int{}
		span := rapid.SampledFrom([]uint32{5, 40, 1 << 12}).Draw(t, "span")
		instance := rapid.Uint32Range(0, span-1)
		for range rapid.IntRange(1, 12).Draw(t, "changes") {
			stay := map[uint32]home{}
			for i, p := range places {
				if rapid.Bool().Draw(t, "stays") {
					stay[i] = h.all[p]
				} else {
					delete(places, i)
				}
			}
			for i, to := range lanesOf(b, rapid.SliceOfN(instance, 0, 6).Draw(t, "new")) {
				if _, known := stay[i]; !known {
					stay[i] = to
				}
			}
			h = h.with(stay)
			taken := map[int]bool{}
			for i, to := range stay {
				p := h.of(tuple.NewRoot(i, 7))
				if p < 0 || h.all[p] != to || taken[p] {
					t.Fatalf("instance %d is at place %d of %d", i, p, len(h.all))
				}
				if was, known := places[i]; known && was != p {
					t.Fatalf("instance %d moved from place %d to %d", i, was, p)
				}
				places[i], taken[p] = p, true
			}
			for range 20 {
				i := instance.Draw(t, "asked for")
				if _, known := stay[i]; !known && h.of(tuple.NewRoot(i, 7)) != -1 {
					t.Fatalf("instance %d, which is none, is at place %d", i, h.of(tuple.NewRoot(i, 7)))
				}
			}
			for p, at := range h.all {
				if at != (home{}) && !taken[p] {
					t.Fatalf("place %d still is that of instance %d", p, at.instance)
				}
			}
		}
		if len(h.all) > 0 && h.with(nil).of(tuple.NewRoot(1, 1)) != -1 {
			t.Fatal("without homes there is one")
		}
	})
}

// TestLaneBuffersWhileHomesChange: pairs that were gathered under other homes arrive at
// the lane of their root, or at one that does not know it (L4), and those of a lane
// that stays are all there.
func TestLaneBuffersWhileHomesChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := newBench(0, 1, grouping.Global[int])
		run := b.core.run
		var buffers laneBuffers
		want := map[uint32]map[tuple.Root]uint64{} // of lanes since they came
		all := map[uint32]*lane{}
		for k := range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch i := rapid.Uint32Range(1, 9).Draw(t, "instance"); rapid.IntRange(0, 5).Draw(t, "step") {
			case 0:
				if l := all[i]; l != nil && want[i] != nil {
					run.delist(l)
					delete(want, i)
				} else if l == nil { // an instance does not come again
					all[i] = newLane(b.core.comp, b.core.comp.info(0), i)
					run.enlist(all[i])
					want[i] = map[tuple.Root]uint64{}
				}
			case 1:
				buffers.flush(run)
			default:
				for n := range rapid.SampledFrom([]int{1, 7, chunk}).Draw(t, "pairs") {
					p := acker.Pair{Root: tuple.NewRoot(i, uint64(n/2)), Word: uint64(k*1000+n)*0x9e3779b97f4a7c15 + 1}
					buffers.add(run, p)
					if want[i] != nil {
						want[i][p.Root] ^= p.Word
					}
				}
			}
		}
		buffers.flush(run)
		for i, l := range all {
			for _, p := range l.pairs.Take(nil) {
				if p.Root.Instance() != i {
					ended, event := l.ledger.Pair(p, 1)
					if event == acker.Done || event == acker.False {
						t.Fatalf("a pair of root %v ended %v of lane %d", p.Root, ended, i)
					}
				} else if want[i] != nil {
					want[i][p.Root] ^= p.Word
				}
			}
		}
		for i, roots := range want {
			for root, word := range roots {
				if word != 0 {
					t.Fatalf("lane %d: %x of root %v did not arrive", i, word, root)
				}
			}
		}
	})
}

package engine

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/tuple"
)

// TestRouterKeepsAll stages values for chosen targets, with flushes anywhere: each
// target gets its own, all, and in order.
func TestRouterKeepsAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		targets := rapid.IntRange(1, 7).Draw(t, "targets")
		b := newBench(1, targets, grouping.Global[int])
		r := b.outlet.routers[0]
		b.core.comp.cost.Store(rapid.SampledFrom([]int64{0, 1, 1000, 10_000, 1_000_000}).Draw(t, "cost"))
		want := make([][]int, targets)
		plan := rapid.SliceOfN(rapid.IntRange(0, targets-1), 0, 3*chunk).Draw(t, "plan")
		for v, i := range plan {
			want[i] = append(want[i], v)
			if r.stage(i, &v, tuple.Lineage{Link: tuple.Link{Root: tuple.Root(v + 1)}}) {
				if len(r.buf) > chunk {
					t.Fatalf("%d tuples are staged", len(r.buf))
				}
				r.flush()
			}
		}
		for i, got := range b.sent() {
			if len(got) != len(want[i]) {
				t.Fatalf("target %d got %d of %d", i, len(got), len(want[i]))
			}
			for k, tuple := range got {
				if tuple.Value != want[i][k] || int(tuple.Root) != tuple.Value+1 {
					t.Fatalf("target %d got %+v as number %d, want %d", i, tuple, k, want[i][k])
				}
			}
		}
		for _, staged := range r.buf[:cap(r.buf)] {
			if staged != (tuple.Tuple[int]{}) {
				t.Fatalf("the router still keeps %+v", staged)
			}
		}
	})
}

func TestRun(t *testing.T) {
	for cost, want := range map[int64]int{-1: 1, 0: 1, 1: chunk, 1000: chunk, 2000: 128, stint: 1, stint + 1: 1, 1 << 62: 1} {
		if got := run(cost); got != want {
			t.Errorf("a run at %d ns is %d, want %d", cost, got, want)
		}
	}
}

// TestShuffleSpreads sends through a real router to tasks that take what they get:
// nobody may be left out, at no cost per tuple.
func TestShuffleSpreads(t *testing.T) {
	for _, cost := range []int64{0, 100, 5_000, 1_000_000} {
		const targets, rounds = 7, 40
		b := newBench(1, targets, grouping.Shuffle[int])
		b.core.comp.cost.Store(cost)
		n := rounds * targets * run(cost)
		lin := &tuple.Lineage{}
		got := make([]int, targets)
		for v := range n {
			b.core.at.begin(lin)
			b.outlet.Emit(v, nil)
			b.core.finish(nil)
			if v%1000 == 999 {
				for i, tuples := range b.sent() {
					got[i] += len(tuples)
				}
				for _, box := range b.boxes {
					box.Idle()
				}
			}
		}
		for i, tuples := range b.sent() {
			got[i] += len(tuples)
		}
		for i, k := range got {
			if k < n/targets/2 || k > n/targets*2 {
				t.Errorf("at %d ns a tuple, target %d got %d of %d tuples: %v", cost, i, k, n, got)
			}
		}
	}
}

// TestShufflePassesTheSlowBy: a task that takes nothing gets little more than the
// others have waiting.
func TestShufflePassesTheSlowBy(t *testing.T) {
	b := newBench(1, 4, grouping.Shuffle[int])
	b.core.comp.cost.Store(10_000)
	lin := &tuple.Lineage{}
	for v := range 10_000 {
		b.core.at.begin(lin)
		b.outlet.Emit(v, nil)
		b.core.finish(nil)
		for _, box := range b.boxes[1:] {
			box.Take(nil)
			box.Idle()
		}
	}
	if n := b.boxes[0].Queued(); n == 0 || n > 3*run(10_000) {
		t.Errorf("the task that hangs was sent %d tuples", n)
	}
}

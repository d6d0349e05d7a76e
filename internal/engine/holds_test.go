package engine

import (
	"errors"
	"sync"
	"testing"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/tuple"
)

func input(sequence, edge uint64) *tuple.Lineage {
	return &tuple.Lineage{Link: tuple.Link{Root: tuple.NewRoot(1, sequence), Edge: edge}}
}

// fails are the failures that came to the lanes.
func (b *bench) fails() (all []failed) {
	for _, l := range b.core.run.lanes {
		all = append(all, l.fails.Take(nil)...)
	}
	return all
}

// held executes an input, holds it, and returns.
func (b *bench) held(lin *tuple.Lineage) tuple.Held {
	b.core.at.begin(lin)
	h := b.core.holds.hold(&b.core.at)
	b.core.finish(nil)
	return h
}

// TestFirstOutcomeCounts (T2), inside of Execute and after it.
func TestFirstOutcomeCounts(t *testing.T) {
	b := newBench(1, 1, grouping.Global[int])
	lin := input(1, 5)
	h := b.held(lin)
	h.Ack()
	h.Fail(errors.New("late"))
	h.Ack()
	if w := b.words(); w[lin.Root] != 5 || len(b.fails()) != 0 {
		t.Errorf("acked, then failed: words %v", w)
	}
	h = b.held(lin)
	h.Fail(errors.New("first"))
	h.Ack()
	if f := b.fails(); len(f) != 1 || f[0].root != lin.Root || len(b.words()) != 0 {
		t.Errorf("failed, then acked: %v", f)
	}
	b.core.at.begin(lin)
	h = b.core.holds.hold(&b.core.at)
	if b.core.holds.hold(&b.core.at) != h {
		t.Error("held twice, by two names")
	}
	h.Fail(bolt.Reject(errors.New("inside")))
	h.Ack()
	if len(b.fails()) != 0 {
		t.Error("failed before Execute returned")
	}
	b.core.finish(nil)
	if f := b.fails(); len(f) != 1 || f[0].why.Kind != tuple.Rejected {
		t.Errorf("rejected inside of Execute: %v", f)
	}
	b.core.at.begin(lin)
	h = b.core.holds.hold(&b.core.at)
	h.Ack()
	h.Fail(errors.New("late"))
	b.core.finish(nil)
	b.core.flush()
	if w := b.words(); w[lin.Root] != 5 || len(b.fails()) != 0 {
		t.Errorf("acked inside of Execute, then failed: words %v", w)
	}
	b.core.publish()
	if n := b.core.holds.count(); n != 0 {
		t.Errorf("%d inputs are still held", n)
	}
}

// TestHeldAckedInside: an input that is held and acked before Execute returns
// leaves with the task's next flush, as any other.
func TestHeldAckedInside(t *testing.T) {
	b := newBench(1, 1, grouping.Global[int])
	lin := input(1, 5)
	b.core.at.begin(lin)
	b.core.holds.hold(&b.core.at).Ack()
	b.core.finish(nil)
	b.core.flush()
	if w := b.words()[lin.Root]; w != 5 {
		t.Errorf("after the flush the root's lane has %x, want 5", w)
	}
}

// TestNothingIsEmittedUnderTheDead (T1): such an emit is counted, fails the
// current input, and carries nothing of the dead one.
func TestNothingIsEmittedUnderTheDead(t *testing.T) {
	b := newBench(1, 1, grouping.Global[int])
	dead, now := input(1, 5), input(2, 9)
	h := b.held(dead)
	h.Ack()
	b.words()
	b.core.at.begin(now)
	b.outlet.Emit(1, []tuple.Held{h})
	b.core.finish(nil)
	if f := b.fails(); len(f) != 1 || f[0].root != now.Root || f[0].why.Kind != tuple.Error {
		t.Errorf("fails %v, want that of %v", f, now.Root)
	}
	if n := b.core.unsent.Load(); n != 1 {
		t.Errorf("%d emits were counted as unsent, want 1", n)
	}
	for _, sent := range b.sent()[0] {
		for _, l := range links(&sent.Lineage) {
			if l.Root == dead.Root {
				t.Error("a tuple was sent under a root whose input was acked")
			}
		}
	}
	b.core.at.begin(now)
	b.core.holds.hold(&b.core.at).Ack()
	b.outlet.Emit(1, nil)
	b.core.finish(nil)
	if n := b.core.unsent.Load(); n != 2 {
		t.Errorf("emit after the own ack: %d emits were counted as unsent, want 2", n)
	}
	b.core.at.begin(now)
	h = b.core.holds.hold(&b.core.at)
	h.Ack()
	b.outlet.Emit(1, []tuple.Held{h})
	b.core.finish(nil)
	if b.core.flush(); len(b.sent()[0]) != 0 {
		t.Error("a tuple was sent under an input by the name of which it was acked")
	}
}

// TestSettleWhileExecuting: others ack an input, or fail it, while its Execute emits below
// it and returns. It has one outcome, and if that is an ack, its word has the tuple that
// was sent (T1, T2).
func TestSettleWhileExecuting(t *testing.T) {
	b := newBench(1, 1, grouping.Global[int])
	const inputs = 2000
	sent := map[tuple.Root]uint64{}
	var group sync.WaitGroup
	for _, settle := range []func(tuple.Held){
		func(h tuple.Held) { tuple.AckAll([]tuple.Held{h, h}) },
		func(h tuple.Held) { h.Fail(nil) },
	} {
		held := make(chan tuple.Held)
		group.Go(func() {
			for h := range held {
				settle(h)
			}
		})
		for i := range uint64(inputs) {
			in := input(i, 1+i)
			b.core.at.begin(in)
			held <- b.core.holds.hold(&b.core.at)
			b.outlet.Emit(1, nil)
			b.core.finish(nil)
			b.core.flush()
			for _, out := range b.sent()[0] {
				sent[out.Root] ^= out.Edge
			}
		}
		close(held)
		group.Wait()
		acked, fails := b.words(), b.fails()
		for root, word := range acked {
			if want := 1 + root.Sequence() ^ sent[root]; word != want || sent[root] == 0 {
				t.Fatalf("root %v was acked with the word %x, want %x; sent was %x", root, word, want, sent[root])
			}
		}
		if len(acked)+len(fails) != inputs || b.core.holds.count() != 0 {
			t.Fatalf("%d acked, %d failed, of %d, and %d are still held", len(acked), len(fails), inputs, b.core.holds.count())
		}
		clear(sent)
	}
}

// TestFailAll (T3) ends what is held, and what comes later for it does nothing.
func TestFailAll(t *testing.T) {
	b := newBench(1, 1, grouping.Global[int])
	var held []tuple.Held
	for i := range uint64(10) {
		held = append(held, b.held(input(i, 1)))
	}
	tuple.AckAll(held[:3])
	b.core.holds.failAll(tuple.Failure{Kind: tuple.Lost})
	tuple.AckAll(held)
	if f, w := b.fails(), b.words(); len(f) != 7 || len(w) != 3 || f[0].why.Kind != tuple.Lost {
		t.Errorf("%d failed, %d acked, want 7 and 3", len(f), len(w))
	}
}

// TestSettleFromManyGoroutines: each input has one outcome, whoever is first.
func TestSettleFromManyGoroutines(t *testing.T) {
	b := newBench(1, 1, grouping.Global[int])
	const inputs, each = 500, 4
	var group sync.WaitGroup
	for i := range uint64(inputs) {
		h := b.held(input(i, 1+i))
		for k := range each {
			group.Go(func() {
				if k%2 == 0 {
					h.Ack()
				} else {
					h.Fail(nil)
				}
			})
		}
	}
	group.Wait()
	acked, fails := b.words(), b.fails()
	for root, word := range acked {
		if word != 1+root.Sequence() {
			t.Errorf("root %v: word %x", root, word)
		}
	}
	for _, f := range fails {
		if _, both := acked[f.root]; both {
			t.Errorf("root %v was acked and failed", f.root)
		}
	}
	if len(acked)+len(fails) != inputs {
		t.Errorf("%d acked, %d failed, of %d", len(acked), len(fails), inputs)
	}
}

// TestStaleHeld: the slot of an input that ended serves another, which the old
// name must not touch (T2).
func TestStaleHeld(t *testing.T) {
	b := newBench(1, 1, grouping.Global[int])
	old := b.held(input(1, 5))
	old.Ack()
	b.words()
	var now []tuple.Held
	for i := range uint64(slabPage) { // one of them has the slot
		now = append(now, b.held(input(2+i, 9)))
	}
	old.Ack()
	old.Fail(nil)
	if w, f := b.words(), b.fails(); len(w)+len(f) != 0 {
		t.Errorf("an old name ended another input: %v %v", w, f)
	}
	if n := b.core.holds.slab.len(); n != slabPage {
		t.Fatalf("%d slots for %d inputs", n, slabPage)
	}
	tuple.AckAll(now)
	if w := b.words(); len(w) != slabPage || w[tuple.NewRoot(1, 2)] != 9 {
		t.Errorf("acked: %v", w)
	}
}

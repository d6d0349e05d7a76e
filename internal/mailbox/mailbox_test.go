package mailbox

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"
)

// A word is who sent it, and its place among what that one sent.
type word struct{ sender, place int }

// drain takes until the box is closed and empty, and calls f with each batch.
func drain[T any](box *Box[T], park *Park, f func([]T)) {
	var batch []T
	for !box.Closed() {
		park.Wait(box.Ready)
		batch = box.Take(batch)
		f(batch)
	}
}

// TestOrderAndBound sends from several senders at once, by Put and by Gather, in
// batches of any length: each word arrives once, in its sender's order, and the
// box never holds more than its bound.
func TestOrderAndBound(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		senders := rapid.IntRange(1, 4).Draw(rt, "senders")
		capacity := rapid.SampledFrom([]int{0, 1, 2, 7, 64}).Draw(rt, "capacity")
		length := rapid.IntRange(1, 16).Draw(rt, "batch")
		gather := rapid.Bool().Draw(rt, "gather")
		const each = 200
		park := NewPark()
		box := New[word](capacity, park)
		var group sync.WaitGroup
		for s := range senders {
			group.Go(func() {
				if !send(box, s, each, length, gather) {
					t.Error("the box was closed")
				}
			})
		}
		go func() {
			group.Wait()
			box.Close()
		}()
		next := make([]int, senders)
		drain(box, park, func(batch []word) {
			if capacity > 0 && len(batch) >= capacity+length {
				rt.Fatalf("%d words in a box for %d, with batches of %d", len(batch), capacity, length)
			}
			for _, w := range batch {
				if w.place != next[w.sender] {
					rt.Fatalf("sender %d: word %d came, not %d", w.sender, w.place, next[w.sender])
				}
				next[w.sender]++
			}
		})
		for s, n := range next {
			if n != each {
				rt.Fatalf("sender %d: %d of %d words came", s, n, each)
			}
		}
	})
}

// send sends words in batches, which it writes over as soon as they are put.
func send(box *Box[word], sender, n, length int, gather bool) bool {
	batch := make([]word, 0, length)
	order := make([]int32, 0, length)
	for from := 0; from < n; from += length {
		batch, order = batch[:0], order[:0]
		for i := from; i < min(from+length, n); i++ {
			batch = append(batch, word{sender, i})
			order = append(order, int32(i-from))
		}
		if gather {
			if !box.Gather(batch, order) {
				return false
			}
		} else if !box.Put(batch) {
			return false
		}
		clear(batch)
	}
	return true
}

func TestGather(t *testing.T) {
	box := New[string](0, NewPark())
	box.Gather([]string{"a", "b", "c", "d"}, []int32{3, 1})
	box.Gather([]string{"a", "b"}, nil)
	if got := fmt.Sprint(box.Take(nil)); got != "[d b]" {
		t.Errorf("gathered %v", got)
	}
}

// TestPutBlocksAndCloseReleases fills a box, has senders wait, and looks at what
// each of take and close sets free.
func TestPutBlocksAndCloseReleases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := New[int](2, NewPark())
		box.Put([]int{1, 2})
		if !box.Full() {
			t.Error("not full")
		}
		var put, refused atomic.Int32
		for range 3 {
			go func() {
				if box.Put([]int{3, 4}) {
					put.Add(1)
				} else {
					refused.Add(1)
				}
			}()
		}
		synctest.Wait()
		if put.Load() != 0 {
			t.Fatal("put into a full box")
		}
		batch := box.Take(nil)
		synctest.Wait()
		if got := fmt.Sprint(batch); got != "[1 2]" || put.Load() != 1 || box.Queued() != 2 {
			t.Fatalf("took %s; then %d senders put, %d words queued", got, put.Load(), box.Queued())
		}
		box.Close()
		box.Close()
		synctest.Wait()
		if refused.Load() != 2 || box.Put([]int{9}) || box.Gather([]int{9}, []int32{0}) {
			t.Fatalf("%d senders were refused by Close, or later ones were not", refused.Load())
		}
		if box.Closed() || !box.Ready() || box.Full() {
			t.Error("closed before it is empty, or not ready, or full")
		}
		if got := fmt.Sprint(box.Take(batch)); got != "[3 4]" || !box.Closed() || !box.Ready() {
			t.Errorf("took %s after Close; closed %v, ready %v", got, box.Closed(), box.Ready())
		}
	})
}

// TestTakeForgets sees that a batch pins nothing once it was handed back.
func TestTakeForgets(t *testing.T) {
	box := New[*int](0, NewPark())
	box.Put([]*int{new(int), new(int)})
	batch := box.Take(nil)
	box.Take(batch)
	for _, p := range batch {
		if p != nil {
			t.Fatal("the batch still points to its values")
		}
	}
}

func TestLoad(t *testing.T) {
	box := New[int](8, NewPark())
	box.Put([]int{1, 2, 3})
	look := func(queued, load int) {
		t.Helper()
		if box.Queued() != queued || box.Load() != load {
			t.Errorf("queued %d, load %d; want %d, %d", box.Queued(), box.Load(), queued, load)
		}
	}
	look(3, 3)
	batch := box.Take(nil)
	look(0, 3)
	box.Put([]int{4})
	look(1, 4)
	box.Idle()
	look(1, 1)
	box.Take(batch)
	look(0, 1)
}

// TestAllocatesNothing once both buffers have grown.
func TestAllocatesNothing(t *testing.T) {
	box := New[word](1024, NewPark())
	ts, order := make([]word, 64), []int32{0, 5, 63}
	var batch []word
	turn := func() {
		box.Put(ts)
		box.Gather(ts, order)
		batch = box.Take(batch)
	}
	turn()
	turn()
	if n := testing.AllocsPerRun(1000, turn); n != 0 {
		t.Errorf("%v allocations a turn", n)
	}
}

// BenchmarkBox moves words of 32 bytes from senders to one receiver; an operation
// is a word.
func BenchmarkBox(b *testing.B) {
	type wide [4]uint64
	for _, senders := range []int{1, 4} {
		for _, length := range []int{1, 32, 256} {
			b.Run(fmt.Sprintf("senders=%d/batch=%d", senders, length), func(b *testing.B) {
				b.ReportAllocs()
				park := NewPark()
				box := New[wide](1024, park)
				var left atomic.Int64
				left.Store(int64(b.N))
				var group sync.WaitGroup
				for range senders {
					group.Go(func() {
						batch := make([]wide, length)
						for left.Add(-int64(length)) > -int64(length) {
							box.Put(batch)
						}
					})
				}
				go func() {
					group.Wait()
					box.Close()
				}()
				drain(box, park, func([]wide) {})
			})
		}
	}
}

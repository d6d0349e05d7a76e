package engine

import (
	"testing"

	"github.com/waterspout/waterspout/acker"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/tuple"
)

// BenchmarkHold is a writer bolt: the task holds inputs and returns, and another
// goroutine acks them a request of 4,000 at a time, while the task goes on.
func BenchmarkHold(b *testing.B) {
	const request = 4000
	t := newBench(1, 1, grouping.Global[int])
	lane := t.core.run.lanes[0]
	requests, unused := make(chan []tuple.Held, 1), make(chan []tuple.Held, 3)
	for range cap(unused) {
		unused <- make([]tuple.Held, 0, request)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		var pairs []acker.Pair
		for held := range requests {
			tuple.AckAll(held)
			pairs = lane.pairs.Take(pairs)
			unused <- held[:0]
		}
	}()
	b.ReportAllocs()
	held, i := <-unused, uint64(0)
	in := input(0, 5)
	for b.Loop() {
		i++
		in.Root = tuple.NewRoot(1, i)
		t.core.at.begin(in)
		held = append(held, t.core.holds.hold(&t.core.at))
		t.core.finish(nil)
		if len(held) == request {
			requests <- held
			held = <-unused
		}
	}
	close(requests)
	<-done
}

package mailbox

import (
	"sync/atomic"
	"testing"
)

// TestLoadDuringTake: what is taken counts as load until Idle, at any time in between.
func TestLoadDuringTake(t *testing.T) {
	box := New[int](0, NewPark())
	var turn atomic.Int64
	var over atomic.Bool
	done := make(chan bool)
	go func() {
		defer close(done)
		defer over.Store(true)
		var batch []int
		for i := range int64(500_000) {
			box.Put([]int{1})
			turn.Store(2*i + 1)
			batch = box.Take(batch)
			turn.Store(2*i + 2)
			box.Idle()
		}
	}()
	for bad := false; !over.Load() && !bad; {
		before := turn.Load()
		bad = before%2 == 1 && box.Load() == 0 && turn.Load() == before
		if bad {
			t.Error("a batch that was taken is no load")
		}
	}
	<-done
}

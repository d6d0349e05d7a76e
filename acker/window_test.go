package acker

import (
	"testing"

	"pgregory.net/rapid"
)

// TestWindow plays any sequence of timeouts and acks.
func TestWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		top := rapid.IntRange(1, 200).Draw(t, "max")
		timeout := rapid.Int64Range(1, 1e12).Draw(t, "timeout")
		w := NewWindow(top, timeout)
		least := min(floor, top)
		now, last := rapid.Int64Range(0, 1e10).Draw(t, "start"), int64(-1e9)
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				if w.Size() < least || w.Size() > top {
					t.Fatalf("size %d is not within %d and %d", w.Size(), least, top)
				}
				if w.Timeout() < timeout || w.Timeout() > stretch*timeout {
					t.Fatalf("timeout %d of %d", w.Timeout(), timeout)
				}
			},
			"expired": func(t *rapid.T) {
				now += rapid.Int64Range(0, 15e8).Draw(t, "later")
				was := w.Size()
				w.Expired(now)
				want := was
				if now-last >= 1e9 {
					want, last = max(was/2, least), now
				}
				if w.Size() != want {
					t.Fatalf("size %d after %d, want %d (O1)", w.Size(), was, want)
				}
			},
			"acked": func(t *rapid.T) {
				was, n := w.Size(), rapid.IntRange(0, 3*top).Draw(t, "n")
				w.Acked(n)
				if w.Size() < was || n < was/2 && w.Size() > was+max(was/16, 1) {
					t.Fatalf("size %d after %d and %d acks", w.Size(), was, n)
				}
			},
			"false": func(t *rapid.T) {
				was := w.Timeout()
				w.False()
				if want := min(was+was/2, stretch*timeout); w.Timeout() != want {
					t.Fatalf("timeout %d after %d, want %d (O3)", w.Timeout(), was, want)
				}
			},
		})
	})
}

// TestWindowGrowsBack says how slowly: a sixteenth for every window full.
func TestWindowGrowsBack(t *testing.T) {
	for _, top := range []int{17, 100, 10_000, 1_000_000} {
		w := NewWindow(top, 1)
		w.Expired(0)
		for acks := 0; w.Size() < top; acks++ {
			if acks > 40*top {
				t.Fatalf("of %d: still %d after %d acks", top, w.Size(), acks)
			}
			size := w.Size()
			for range size - 1 {
				w.Acked(1)
			}
			if w.Size() != size {
				t.Fatalf("of %d: grew from %d before it was full", top, size)
			}
			w.Acked(1)
			if want := min(size+max(size/16, 1), top); w.Size() != want {
				t.Fatalf("of %d: grew from %d to %d, want %d", top, size, w.Size(), want)
			}
		}
	}
}

// TestWindowEndsTheLivelock is why there is a window: a stage serves 300 trees a
// second, the timeout is 30 s, and 10,000 open trees wait 33 s for their turn.
// Each tree that times out is emitted again, at the end of the queue, where the
// stage will serve the dead one, too.
func TestWindowEndsTheLivelock(t *testing.T) {
	const perSecond, timeout, seconds = 300, 30, 600
	useful := func(size func() int, expired func(now int64), acked func(int)) (n int) {
		var queue []int64 // when each tree was emitted; dead ones stay
		open := 0
		for now := range int64(seconds) {
			dead, done := 0, 0
			for _, at := range queue {
				if now-at == timeout {
					dead++
				}
			}
			served := min(perSecond, len(queue))
			for _, at := range queue[:served] {
				if now-at < timeout {
					done++
				}
			}
			queue = queue[served:]
			open -= dead + done
			n += done
			acked(done)
			if dead > 0 {
				expired(now * 1e9)
			}
			for open < size() {
				queue = append(queue, now)
				open++
			}
		}
		return n
	}
	fixed := useful(func() int { return 10_000 }, func(int64) {}, func(int) {})
	w := NewWindow(10_000, timeout*1e9)
	learned := useful(w.Size, w.Expired, w.Acked)
	t.Logf("of %d services: %d useful with a fixed number of trees, %d with a window", perSecond*seconds, fixed, learned)
	if learned < perSecond*seconds*8/10 || learned < 4*fixed {
		t.Errorf("%d useful services with a window, %d without", learned, fixed)
	}
}

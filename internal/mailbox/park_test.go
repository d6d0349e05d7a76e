package mailbox

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestParkLosesNoWake hands a ball to and fro: a wake that got lost would stop
// both sides, for ever.
func TestParkLosesNoWake(t *testing.T) {
	const rounds = 20_000
	var ball atomic.Int64
	var parks [2]*Park
	for i := range parks {
		parks[i] = NewPark()
	}
	var group sync.WaitGroup
	for side := range int64(2) {
		group.Go(func() {
			for n := side; n < rounds; n += 2 {
				parks[side].Wait(func() bool { return ball.Load() == n })
				ball.Store(n + 1)
				parks[1-side].Wake()
			}
		})
	}
	group.Wait()
}

// TestParkManyWakers has many wake one, who must see all that they did.
func TestParkManyWakers(t *testing.T) {
	const wakers, each = 8, 5_000
	park := NewPark()
	var sent, seen atomic.Int64
	for range wakers {
		go func() {
			for range each {
				sent.Add(1)
				park.Wake()
			}
		}()
	}
	for seen.Load() < wakers*each {
		park.Wait(func() bool { return sent.Load() > seen.Load() })
		seen.Store(sent.Load())
	}
}

// TestParkSteps takes a sleeper and its waker through the orders that matter. In
// the bubble a sleeper that nobody will wake is an error by itself.
func TestParkSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		park := NewPark()
		var ready, awake atomic.Bool
		park.Wake() // nobody sleeps: it must not be kept for later
		go func() {
			park.Wait(ready.Load)
			awake.Store(true)
		}()
		synctest.Wait()
		park.Wake() // without a reason: the sleeper looks, and sleeps again
		synctest.Wait()
		if awake.Load() {
			t.Fatal("woke without a reason")
		}
		ready.Store(true)
		park.Wake()
		park.Wake()
		synctest.Wait()
		if !awake.Load() {
			t.Fatal("sleeps although it was woken")
		}
		park.Wait(ready.Load) // returns at once
	})
}

// TestWakeBetweenLookAndSleep makes ready true in the very moment between the
// sleeper's look and its sleep.
func TestWakeBetweenLookAndSleep(t *testing.T) {
	for at := 1; at <= 2; at++ {
		synctest.Test(t, func(t *testing.T) {
			park := NewPark()
			var ready atomic.Bool
			looks := 0
			done := make(chan struct{})
			go func() {
				defer close(done)
				park.Wait(func() bool {
					was := ready.Load()
					if looks++; looks == at {
						ready.Store(true)
						park.Wake()
					}
					return was
				})
			}()
			select {
			case <-done:
			case <-time.After(time.Second): // of the bubble: when all are asleep
				ready.Store(true)
				park.wake <- struct{}{}
				t.Errorf("the wake at look %d was lost", at)
			}
		})
	}
}

package spout_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/waterspout/waterspout/spout"
)

func TestRetryDelay(t *testing.T) {
	const most = 1 - 1e-9
	for _, test := range []struct {
		r      spout.Retry
		n      int
		jitter float64
		want   time.Duration
	}{
		{spout.Retry{}, 1, 0, 50 * time.Millisecond},
		{spout.Retry{}, 0, 0, 50 * time.Millisecond},
		{spout.Retry{}, -5, 0, 50 * time.Millisecond},
		{spout.Retry{}, 1, 0.5, 75 * time.Millisecond},
		{spout.Retry{}, 3, 0, 200 * time.Millisecond},
		{spout.Retry{}, math.MaxInt, 0, 30 * time.Second},
		{spout.Retry{Backoff: -1, Max: -1}, 2, 0, 100 * time.Millisecond},
		{spout.Retry{Backoff: time.Hour}, 9, 0, 30 * time.Minute},
		{spout.Retry{Backoff: time.Hour, Max: time.Minute}, 1, 0, 30 * time.Second},
		{spout.Retry{Backoff: 1, Max: math.MaxInt64}, math.MaxInt, 0, math.MaxInt64 / 2},
	} {
		if got := test.r.Delay(test.n, test.jitter); got != test.want {
			t.Errorf("%+v: delay %d with jitter %v is %v, want %v", test.r, test.n, test.jitter, got, test.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		r := spout.Retry{
			Backoff: time.Duration(rapid.Int64Range(2, math.MaxInt64).Draw(t, "backoff")),
			Max:     time.Duration(rapid.Int64Range(2, math.MaxInt64).Draw(t, "max")),
		}
		n := rapid.IntRange(1, 100).Draw(t, "n")
		low, high, next := r.Delay(n, 0), r.Delay(n, most), r.Delay(n+1, 0)
		if low <= 0 || high < low || high > r.Max || next < low {
			t.Fatalf("%+v: failure %d waits %v to %v, the next at least %v", r, n, low, high, next)
		}
	})
}

func TestRetryExhausted(t *testing.T) {
	for _, test := range []struct {
		attempts, n int
		want        bool
	}{{0, 1e9, false}, {-1, 5, false}, {3, 2, false}, {3, 3, true}, {1, 1, true}, {1, 0, false}} {
		if got := (spout.Retry{Attempts: test.attempts}).Exhausted(test.n); got != test.want {
			t.Errorf("%d of %d: %v", test.n, test.attempts, got)
		}
	}
}

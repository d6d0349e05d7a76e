package tweets_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/internal/tweets"
)

func TestPacedKeepsItsRateAndTellsWhenRecordsWereDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		n := 0
		for r := range tweets.Paced(t.Context(), tweets.New(1).Records(0, 100), 10) {
			due := start.Add(time.Duration(n) * 100 * time.Millisecond)
			if !r.Time.Equal(due) {
				t.Fatalf("record %d is due after %v", n, r.Time.Sub(start))
			}
			if n++; n == 50 {
				time.Sleep(3 * time.Second) // a writer that is held up is made up for
			}
		}
		if took := time.Since(start); n != 100 || took != 9900*time.Millisecond {
			t.Errorf("%d records in %v", n, took)
		}
	})
}

func TestPacedEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		n := 0
		for range tweets.Paced(ctx, tweets.New(1).Records(0, 1<<40), 4) {
			n++
		}
		if n < 4 || n > 5 {
			t.Errorf("%d records in a second", n)
		}
	})
}

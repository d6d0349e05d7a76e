package main

import (
	"fmt"
	"time"
)

// enough is how many kills a run with -kill needs.
const enough = 5

// pace is how many records a second last for two kills more than enough, and for the
// workers to find each other.
func pace(n uint64, every time.Duration) int {
	return max(1, int(float64(n)/((enough+2)*every+3*time.Second).Seconds()))
}

// A killer says when a worker is to be killed, and which kills count: those between
// the first commit and the last. It kills while the input is filled, and until there
// were enough. Its zero value never kills.
type killer struct {
	every     time.Duration
	committed int64     // records, when it looked last
	next      time.Time // of a kill; zero before the first commit
	open      int       // kills after which nothing was committed yet
	landed    int
}

// see takes how many records are committed now.
func (k *killer) see(committed int64, now time.Time) {
	if committed <= k.committed {
		return
	}
	k.landed += k.open
	k.open, k.committed = 0, committed
	if k.next.IsZero() {
		k.next = now.Add(k.every)
	}
}

// due reports whether it is time for a kill, which it then counts on.
func (k *killer) due(now time.Time, filled bool) bool {
	if filled && k.landed+k.open >= enough {
		return false
	}
	if k.every == 0 || k.next.IsZero() || now.Before(k.next) {
		return false
	}
	k.open++
	k.next = now.Add(k.every)
	return true
}

// verdict is nil if there were enough kills.
func (k *killer) verdict() error {
	if k.every == 0 || k.landed >= enough {
		return nil
	}
	return fmt.Errorf("of at least %d kills %d came between the first commit and the last: fill more slowly (-rate), or kill more often", enough, k.landed)
}

package reference

import (
	"fmt"
	"time"
)

// stall is how long nothing may be written before a run is given up.
const stall = 30 * time.Second

// Bounds of the time between two looks at a job, which cost it CPU time.
const (
	soonest = 2 * time.Millisecond
	latest  = 250 * time.Millisecond
)

// Await looks at a job until it has done n records: each time when half of what is
// left should be, and no later than it was seen to do something, since a job begins
// slowly. It gives up when the job has ended, or does nothing for long, or
// cannot be looked at.
func Await(written func() (uint64, error), ended <-chan struct{}, n uint64) (uint64, error) {
	begin := time.Now()
	first, err := written()
	done, since, moving := first, begin, begin
	for over := false; err == nil && done < n; {
		switch {
		case over:
			return done, fmt.Errorf("reference: the job ended after %d of %d records", done, n)
		case time.Since(since) > stall:
			return done, fmt.Errorf("reference: nothing was written for %v, after %d of %d records", stall, done, n)
		}
		pause := soonest
		if done > first {
			left := time.Duration(float64(time.Since(begin)) * float64(n-done) / float64(done-first))
			pause = max(min(left/2, time.Since(moving), latest), soonest)
		}
		select {
		case <-time.After(pause):
		case <-ended:
			over = true
		}
		last := done
		if done, err = written(); done > last {
			since = time.Now()
			if last == first {
				moving = since
			}
		}
	}
	return done, err
}

package main

import (
	"fmt"
	"time"
)

// standstill is how long a trial waits for the next commit.
const standstill = 2 * time.Minute

// A stall is how long nothing was committed. Its zero value is ready for use.
type stall struct {
	committed int64
	since     time.Time
}

// see takes how many records are committed now, and fails if that has been so for too
// long.
func (s *stall) see(committed int64, now time.Time) error {
	if s.since.IsZero() || committed > s.committed {
		s.committed, s.since = committed, now
	}
	if now.Sub(s.since) < standstill {
		return nil
	}
	return fmt.Errorf("nothing was committed for %v, after %d records; the log says why, unless the group of the embedded Kafka stands still, as it rarely does after kills: try again, or with -brokers", standstill, committed)
}

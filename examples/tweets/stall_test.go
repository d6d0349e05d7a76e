package main

import (
	"testing"
	"time"
)

func TestStall(t *testing.T) {
	var s stall
	start := time.Now()
	for _, step := range []struct {
		after     time.Duration
		committed int64
		stalled   bool
	}{
		{0, 0, false}, {standstill - 1, 0, false}, {standstill - 1, 5, false},
		{2*standstill - 2, 5, false}, {2*standstill - 1, 5, true}, {2 * standstill, 6, false},
	} {
		if err := s.see(step.committed, start.Add(step.after)); (err != nil) != step.stalled {
			t.Errorf("after %v, %d committed: %v", step.after, step.committed, err)
		}
	}
}

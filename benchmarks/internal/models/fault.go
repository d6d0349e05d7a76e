package models

import "github.com/waterspout/waterspout/benchmarks/internal/reference"

// A Fault is what came of a process that was killed and started again at once.
// Times are in seconds since the load began.
type Fault struct {
	Killed, Restarted float64
	Silence           float64 // the longest time without a record from then on
	Calm              float64 // the longest before
	CatchUp           float64 // from the kill until lag was as before for good; 0 if it never was
}

// Lags are, after each slot of the reading, how many records were due but had not
// arrived. What was lost is taken off from the slot of the kill on, which is when it
// was (0 for none).
func Lags(s reference.Schedule, first []int, killed float64, lost int) []int {
	lags := make([]int, 0, len(first))
	arrived := 0
	for i, n := range first {
		arrived += n
		after := reference.Slot.Seconds() * float64(i+1)
		lag := s.DueBy(reference.Slot*timeOf(i+1)) - arrived
		if killed > 0 && after > killed {
			lag = max(lag-lost, 0)
		}
		lags = append(lags, lag)
	}
	return lags
}

// CatchUp is how many seconds after the kill lag was back for good at what it was,
// at most, in the given time before; 0 if it never was.
func CatchUp(lags []int, from, killed float64) float64 {
	slot := reference.Slot.Seconds()
	first, at := int(from/slot), int(killed/slot)
	if at >= len(lags) || first >= at {
		return 0
	}
	normal := 0
	for _, lag := range lags[first:at] {
		normal = max(normal, lag)
	}
	last := len(lags) - 1
	for last >= at && lags[last] <= normal {
		last--
	}
	if last == len(lags)-1 {
		return 0
	}
	return max(float64(last+2)*slot-killed, slot)
}

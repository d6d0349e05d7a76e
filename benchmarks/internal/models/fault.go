package models

import (
	"time"

	"github.com/waterspout/waterspout/benchmarks/internal/reference"
)

// A Fault is what came of a process that was killed and started again at once.
// Times are in seconds since the load began.
type Fault struct {
	Killed, Restarted float64
	Silence           float64 // the longest time without a record from then on
	Calm              float64 // the longest before
	CatchUp           float64 // from the kill until lag was as before for a second; 0 if it never was
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

// calmSlots are a second.
const calmSlots = int(time.Second / reference.Slot)

// CatchUp is how many seconds after the kill lag was back for a second, or to the
// end, at what it was at most in the given time before; 0 if it never was.
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
	calm := 0 // slots in a row
	for i := at; i < len(lags); i++ {
		if calm++; lags[i] > normal {
			calm = 0
		}
		if begin := i - calm + 1; calm > 0 && (calm == calmSlots || i == len(lags)-1) {
			return max(float64(begin+1)*slot-killed, slot)
		}
	}
	return 0
}

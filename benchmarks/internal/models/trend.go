package models

import (
	"time"

	"github.com/waterspout/waterspout/benchmarks/internal/harness"
)

// Bounds of what is no trend.
const (
	leftBehind = .02 // of the offered records
	slower     = .25 // of the median latency, over the whole time
	slowerMS   = 20  // the same in milliseconds
)

// Sustained reports whether a load was sustained, from the lag in records and the
// median latency in milliseconds of each second: neither trends upward. A trend is
// the median of the slopes between any two seconds (Theil and Sen), so that the
// saw teeth of a batch are none. Lag may grow by 2 % of what is offered; latency,
// over the whole time, by a quarter, or by 20 ms.
func Sustained(rate int, lags, p50s []float64) bool {
	if len(lags) < 3 || len(p50s) < 3 {
		return false
	}
	if Slope(lags) > leftBehind*float64(rate) {
		return false
	}
	growth := Slope(p50s) * float64(len(p50s)-1)
	return growth <= max(slower*harness.SpreadOf(p50s).Median, slowerMS)
}

// Slope is the trend of equidistant values, per step: the median of the slopes
// between any two.
func Slope(ys []float64) float64 {
	var slopes []float64
	for i := range ys {
		for j := range i {
			slopes = append(slopes, (ys[i]-ys[j])/float64(i-j))
		}
	}
	return harness.SpreadOf(slopes).Median
}

// A Bisection looks for the highest rate that is sustained, between a rate that is
// and one that is not.
type Bisection struct {
	Low, High float64
	Steps     int // that are left
}

// Next is the rate to probe; false if the search is over, and Low the result.
func (b Bisection) Next() (rate float64, more bool) { return (b.Low + b.High) / 2, b.Steps > 0 }

// Observe is the search after a probe of Next.
func (b Bisection) Observe(sustained bool) Bisection {
	rate, _ := b.Next()
	b.Steps--
	if sustained {
		b.Low = rate
	} else {
		b.High = rate
	}
	return b
}

// perSecond takes the last value of each second from values per slot.
func perSecond(slots []int, slot time.Duration, from, to int) (out []float64) {
	each := int(time.Second / slot)
	for s := from; s < to; s++ {
		i := (s+1)*each - 1
		if i >= len(slots) {
			break
		}
		out = append(out, float64(slots[i]))
	}
	return out
}

func timeOf(n int) time.Duration { return time.Duration(n) }

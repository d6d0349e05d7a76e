package report

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// Figures of greater magnitude count as infinite, of smaller as zero: within these
// no sum, quotient or power below leaves the range of a float64.
const (
	huge = 1e100
	tiny = 1e-100
)

// A scale maps figures to places on the page.
type scale struct {
	log      bool
	lo, hi   float64 // lo < hi
	from, to float64 // where lo and hi are
}

// shows reports whether v has a place on an axis.
func (a Axis) shows(v float64) bool {
	return math.Abs(v) <= huge && (!a.Log || v >= tiny)
}

// fit is the scale for an axis that shows the values. tight leaves a margin and no
// more around them; else the scale begins and ends at a round figure, a linear one
// at zero.
func (a Axis) fit(values []float64, tight bool) scale {
	if a.Min < a.Max {
		values = append(slices.Clone(values), a.Min, a.Max)
	}
	s := scale{log: a.Log, lo: math.Inf(1), hi: math.Inf(-1)}
	for _, v := range values {
		if a.shows(v) {
			s.lo, s.hi = min(s.lo, v), max(s.hi, v)
		}
	}
	switch {
	case s.lo > s.hi && a.Log:
		s.lo, s.hi = 1, 10
	case s.lo > s.hi:
		s.lo, s.hi = 0, 1
	case !a.Log && !tight:
		s.lo, s.hi = min(s.lo, 0), max(s.hi, 0)
	}
	return s.widen(tight)
}

// widen makes a point a range, and a range begin and end where it may.
func (s scale) widen(tight bool) scale {
	if s.log {
		if s.hi < s.lo*(1+1e-6) {
			s.lo, s.hi = s.lo/1.5, s.hi*1.5
		}
		if tight {
			margin := math.Pow(s.hi/s.lo, .03)
			return scale{log: true, lo: s.lo / margin, hi: s.hi * margin}
		}
		return scale{log: true, lo: roundDown(s.lo), hi: roundUp(s.hi)}
	}
	if m := max(math.Abs(s.lo), math.Abs(s.hi)); m < tiny {
		s.lo, s.hi = 0, 1
	} else if s.hi-s.lo < 1e-9*m {
		s.lo, s.hi = s.lo-m/2, s.hi+m/2
	}
	if tight {
		margin := .03 * (s.hi - s.lo)
		return scale{lo: s.lo - margin, hi: s.hi + margin}
	}
	step := roundUp((s.hi - s.lo) / 5)
	return scale{lo: step * math.Floor(s.lo/step), hi: step * math.Ceil(s.hi/step)}
}

// roundUp is the first of 1, 2, 5, 10, 20, ... that is not less than v, which is
// greater than zero.
func roundUp(v float64) float64 {
	// the logarithm may be a little too high: begin one decade lower
	for power := math.Floor(math.Log10(v)) - 1; ; power++ {
		for _, d := range []float64{1, 2, 5} {
			if r := scaled(d, power); r >= v*(1-1e-12) {
				return r
			}
		}
	}
}

// roundDown is the last of these that is not more than v. Their inverses are
// their kind.
func roundDown(v float64) float64 { return tidy(1 / roundUp(1/v)) }

// scaled is d times ten to the power, correctly rounded, so that labels are short.
func scaled(d, power float64) float64 {
	v, _ := strconv.ParseFloat(strconv.FormatFloat(d, 'f', -1, 64)+"e"+strconv.Itoa(int(power)), 64)
	return v
}

// at is the place of v, at the nearer end if it is beyond the scale.
func (s scale) at(v float64) float64 {
	lo, hi := s.lo, s.hi
	if s.log {
		lo, hi, v = math.Log(lo), math.Log(hi), math.Log(max(v, s.lo))
	}
	return s.from + (s.to-s.from)*min(max((v-lo)/(hi-lo), 0), 1)
}

// ticks are about n figures to be labelled on the scale, ascending; at least one.
func (s scale) ticks(n int) (ticks []float64) {
	if s.log {
		if decades := s.decades(n); len(decades) > 1 {
			return decades
		}
	}
	step := roundUp((s.hi - s.lo) / float64(n))
	for i := math.Ceil(s.lo/step - 1e-6); i <= s.hi/step+1e-6; i++ {
		ticks = append(ticks, tidy(i*step))
	}
	if len(ticks) == 0 {
		return s.ticks(n + 1)
	}
	return ticks
}

// decades are 1, 10, 100, ..., thinned out if they are too many; with 2 and 5 in
// between if there is room.
func (s scale) decades(n int) (ticks []float64) {
	first, last := math.Floor(math.Log10(s.lo)), math.Ceil(math.Log10(s.hi))
	stride := max(1, math.Ceil((last-first)/float64(n)))
	first = stride * math.Floor(first/stride) // 1 is among them if it is on the scale
	digits := []float64{1}
	if 3*math.Log10(s.hi/s.lo) <= float64(n) {
		digits = []float64{1, 2, 5}
	}
	for power := first; power <= last; power += stride {
		for _, d := range digits {
			if v := scaled(d, power); v >= s.lo*(1-1e-9) && v <= s.hi*(1+1e-9) {
				ticks = append(ticks, v)
			}
		}
	}
	return ticks
}

// tidy rounds away what binary fractions add to a decimal.
func tidy(v float64) float64 {
	v, _ = strconv.ParseFloat(strconv.FormatFloat(v, 'g', 12, 64), 64)
	if v == 0 {
		return 0 // not the negative one
	}
	return v
}

var shortExponent = strings.NewReplacer("e+0", "e", "e+", "e", "e-0", "e-")

// number is a figure as it stands at an axis: 0.5, 20, 1 k, 2.5 M.
func number(v float64) string {
	m := math.Abs(v)
	if m >= 1e15 || m < 1e-3 && v != 0 {
		return shortExponent.Replace(strconv.FormatFloat(v, 'g', -1, 64))
	}
	unit := ""
	for _, u := range []string{"k", "M", "G", "T"} {
		if m < 1000 {
			break
		}
		m, v, unit = m/1000, v/1000, "\u00a0"+u
	}
	return strconv.FormatFloat(tidy(v), 'f', -1, 64) + unit
}

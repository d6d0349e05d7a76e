package engine

import (
	"slices"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"pgregory.net/rapid"
)

// durations are spread over all magnitudes, the short ones as often as the long.
func durations() *rapid.Generator[[]int64] {
	one := rapid.Custom(func(t *rapid.T) int64 {
		return rapid.Int64Range(0, 1<<rapid.IntRange(0, 45).Draw(t, "bits")).Draw(t, "ns")
	})
	return rapid.SliceOfN(one, 1, 200)
}

// near reports whether got is exact, or above exact by a slot at most.
func near(got, exact int64) bool { return got >= exact && got-exact <= exact/subs }

// TestQuantiles compares with the sorted values and with HdrHistogram, whose own
// error at three digits is a thousandth.
func TestQuantiles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := durations().Draw(t, "values")
		cut := rapid.IntRange(0, len(values)).Draw(t, "cut")
		a, b := newLatencies(), newLatencies()
		hdr := hdrhistogram.New(1, 1<<46, 3)
		for i, v := range values {
			if i < cut {
				a.record(v)
			} else {
				b.record(v)
			}
			if err := hdr.RecordValue(v); err != nil {
				t.Fatal(err)
			}
		}
		a.Merge(b)
		a.Merge(nil)
		slices.Sort(values)
		last := len(values) - 1
		if got := int64(a.Max()); got != values[last] || a.count != uint64(len(values)) {
			t.Fatalf("max %d of %d values, want %d of %d", got, a.count, values[last], len(values))
		}
		for _, q := range []float64{0, 0.1, 0.5, 0.9, 0.99, 0.999, 1} {
			got := int64(a.Quantile(q))
			rank := int(q * float64(last))
			if !near(got, values[rank]) {
				t.Fatalf("quantile %v is %d, exactly %d", q, got, values[rank])
			}
			// HdrHistogram rounds the rank to the nearest: take the neighbours' span.
			low := float64(hdr.ValueAtQuantile(100*max(q-1/float64(len(values)), 0))) * 0.998
			high := float64(hdr.ValueAtQuantile(100*min(q+1/float64(len(values)), 1))) * (1.002 + 1.0/subs)
			if float64(got) < low-1 || float64(got) > high+1 {
				t.Fatalf("quantile %v is %d, HdrHistogram says between %v and %v", q, got, low, high)
			}
		}
	})
}

// TestSlots walks over all slots: they join without gap, and each is as narrow as
// the comment says.
func TestSlots(t *testing.T) {
	for i := range slots {
		from, to := floorOf(i), floorOf(i+1)-1
		if slotOf(from) != i || slotOf(to) != i {
			t.Fatalf("slot %d is from %d to %d, which are in %d and %d", i, from, to, slotOf(from), slotOf(to))
		}
		if !near(to, from) {
			t.Fatalf("slot %d is from %d to %d", i, from, to)
		}
	}
	if slotOf(-5) != 0 {
		t.Error("a clock that went back is not 0")
	}
}

func TestNoLatencies(t *testing.T) {
	var none *Latencies
	for _, l := range []*Latencies{none, newLatencies()} {
		if l.Quantile(0.5) != 0 || l.Max() != 0 {
			t.Error("nothing was recorded, and there is a quantile")
		}
	}
	l := newLatencies()
	l.record(7)
	c := l.copy()
	l.record(9)
	if c.Max() != 7*time.Nanosecond || l.Max() != 9*time.Nanosecond {
		t.Error("a copy is not a copy")
	}
}

package engine

import (
	"encoding/json"
	"math/bits"
	"time"
)

const (
	subBits = 5 // 32 steps per power of two: within 3.2 %
	subs    = 1 << subBits
	slots   = (64 - subBits) * subs
)

// Latencies are a log-linear histogram of durations, exact below 32 ns and
// within 3.2 % above (the idea of HdrHistogram). A nil *Latencies is empty.
type Latencies struct {
	count uint64
	max   int64
	slot  [slots]uint64
}

type latencies = Latencies

func newLatencies() *latencies { return new(Latencies) }

func slotOf(ns int64) int {
	v := uint64(max(ns, 0))
	if v < subs {
		return int(v)
	}
	e := bits.Len64(v) - subBits - 1
	return (e+1)<<subBits + int(v>>e)&(subs-1)
}

// floorOf is the least duration of a slot.
func floorOf(i int) int64 {
	if i < subs {
		return int64(i)
	}
	e := i>>subBits - 1
	return int64(subs+i&(subs-1)) << e
}

func (l *Latencies) record(ns int64) {
	l.slot[slotOf(ns)]++
	l.count++
	l.max = max(l.max, ns)
}

func (l *Latencies) copy() *Latencies {
	c := *l
	return &c
}

// Merge adds what o has.
func (l *Latencies) Merge(o *Latencies) {
	if o == nil {
		return
	}
	for i, n := range o.slot {
		l.slot[i] += n
	}
	l.count += o.count
	l.max = max(l.max, o.max)
}

// Quantile is the duration that the share q of those recorded does not exceed,
// 0 if nothing was recorded.
func (l *Latencies) Quantile(q float64) time.Duration {
	if l == nil || l.count == 0 {
		return 0
	}
	rank := uint64(q*float64(l.count-1)) + 1
	for i, n := range l.slot {
		if n >= rank {
			return time.Duration(min(floorOf(i+1)-1, l.max))
		}
		rank -= n
	}
	return time.Duration(l.max)
}

// Max is the longest duration recorded.
func (l *Latencies) Max() time.Duration {
	if l == nil {
		return 0
	}
	return time.Duration(l.max)
}

// MarshalJSON writes the largest duration, and of each slot that is not empty its
// number and its count.
func (l Latencies) MarshalJSON() ([]byte, error) {
	all := []uint64{uint64(l.max)}
	for i, n := range l.slot {
		if n > 0 {
			all = append(all, uint64(i), n)
		}
	}
	return json.Marshal(all)
}

// UnmarshalJSON reads what MarshalJSON wrote; slots that there are none of are
// left out.
func (l *Latencies) UnmarshalJSON(b []byte) error {
	var all []uint64
	if err := json.Unmarshal(b, &all); err != nil {
		return err
	}
	*l = Latencies{}
	for i, v := range all {
		switch {
		case i == 0:
			l.max = int64(v)
		case i%2 == 0 && all[i-1] < slots:
			l.slot[all[i-1]] = v
			l.count += v
		}
	}
	return nil
}

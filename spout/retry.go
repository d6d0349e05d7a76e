package spout

import "time"

const (
	defaultBackoff = 100 * time.Millisecond
	defaultMax     = time.Minute
)

// Retry says how often and how fast a failed record is emitted again. Only
// failures whose Kind counts are attempts (rule P4): timeouts and lost links are
// backed off, too, but never use the attempts up. The zero Retry has no limit of
// attempts and backs off from 100 ms, doubling up to one minute.
type Retry struct {
	Attempts int           // attempts that fail before the record is given up; 0 or less: no limit
	Backoff  time.Duration // longest wait after the first failure; 0 or less: 100 ms
	Max      time.Duration // longest wait at all; 0 or less: one minute, or Backoff if that is longer
}

// Delay is how long to wait after failure number n, counted from 1, of one
// record: half of Backoff·2^(n-1), which Max bounds, plus the share jitter, in
// [0, 1), of the other half ("equal jitter"). So records that failed together
// do not come back together, and none comes back at once. It does not overflow,
// whatever n is; an n below 1 is taken for 1.
func (r Retry) Delay(n int, jitter float64) time.Duration {
	half := r.ceiling(n) / 2
	return half + time.Duration(jitter*float64(half))
}

func (r Retry) ceiling(n int) time.Duration {
	d, limit := r.Backoff, r.Max
	if d <= 0 {
		d = defaultBackoff
	}
	if limit <= 0 {
		limit = max(defaultMax, d)
	}
	for range n - 1 {
		if d > limit/2 {
			return limit // before the doubling could overflow
		}
		d *= 2
	}
	return min(d, limit)
}

// Exhausted reports whether a record that failed n times, counting only
// failures whose Kind counts, is to be given up.
func (r Retry) Exhausted(n int) bool { return r.Attempts > 0 && n >= r.Attempts }

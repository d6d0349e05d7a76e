package tweets

import (
	"context"
	"iter"
	"time"

	"github.com/waterspout/waterspout/kafka"
)

// Paced yields records at a steady rate a second, and stamps each with the time
// at which it was due: a reader that takes its latency from that does not forget
// the time for which a writer was held up (coordinated omission). It ends early
// when ctx does.
func Paced(ctx context.Context, records iter.Seq[kafka.Record], rate int) iter.Seq[kafka.Record] {
	return func(yield func(kafka.Record) bool) {
		start := time.Now()
		timer := time.NewTimer(0)
		defer timer.Stop()
		n := 0
		for r := range records {
			r.Time = start.Add(time.Duration(n/rate)*time.Second + time.Duration(n%rate)*time.Second/time.Duration(rate))
			n++
			if wait := time.Until(r.Time); wait > 0 {
				timer.Reset(wait)
				select {
				case <-timer.C:
				case <-ctx.Done():
					return
				}
			}
			if ctx.Err() != nil || !yield(r) {
				return
			}
		}
	}
}

package reference

import "time"

// period is the time between two sends: what is due goes out together. At high rates
// it is longer, as of a producer that lingers: a request of few records costs the
// machine that all processes share as much as one of many.
func period(rate int) time.Duration {
	if rate > 100_000 {
		return 4 * time.Millisecond
	}
	return time.Millisecond
}

// A Schedule says when each record of a load is to be sent. It is made before the
// load begins and does not wait for anything that comes back (open loop).
type Schedule struct {
	Begin   time.Time // on the machine's clock, which generator and reader share
	Rate    int       // records a second
	Records int
}

// burst is how many records are due at once.
func (s Schedule) burst() int {
	return max(int(int64(s.Rate)*int64(period(s.Rate))/int64(time.Second)), 1)
}

// Due is when record i is to be sent.
func (s Schedule) Due(i int) time.Time { return s.Begin.Add(s.after(i)) }

func (s Schedule) after(i int) time.Duration {
	b := s.burst()
	return time.Duration(float64(i/b*b) * float64(time.Second) / float64(s.Rate))
}

// Span is the time from the first record to the end of the last one's turn.
func (s Schedule) Span() time.Duration {
	return time.Duration(float64(s.Records) * float64(time.Second) / float64(s.Rate))
}

// DueBy is how many records are due within d of the beginning.
func (s Schedule) DueBy(d time.Duration) int {
	if d < 0 {
		return 0
	}
	b := s.burst()
	turns := int(d.Seconds()*float64(s.Rate)/float64(b)) + 1
	return min(turns*b, s.Records)
}

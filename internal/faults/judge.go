//go:build unix

package faults

import (
	"fmt"
	"time"

	"github.com/waterspout/waterspout/internal/tweets"
	"github.com/waterspout/waterspout/tuple"
)

// Seen is what came of a fault.
type Seen struct {
	tweets.Verdict
	Gap  time.Duration // the longest time without output since the fault
	Back time.Duration // from the fault until the output was back at 95 % of the input's rate for good
}

// String is a row for docs/faults.md.
func (s Seen) String() string {
	return fmt.Sprintf("records %d, missing %d, duplicates %d, phantoms %d, output gap %.1f s, back to 95 %% after %.1f s",
		s.In, s.Missing, s.Duplicates, s.Phantoms, s.Gap.Seconds(), s.Back.Seconds())
}

// Judge stops the pouring, waits until all of the input is committed, and compares.
// The times are from the fault on to the end of the pouring.
func (l *Lab) Judge(fault time.Time) Seen {
	l.t.Helper()
	l.Stop()
	l.Committed(2 * time.Minute)
	return l.Compare(fault)
}

// Committed waits until all of the input is committed.
func (l *Lab) Committed(within time.Duration) {
	l.t.Helper()
	l.Until(within, func() (bool, string) {
		committed, end := l.Marks()
		return committed == end, fmt.Sprintf("committed %d of %d, written %d", committed, end, l.Written())
	})
}

// Compare is what the oracle says of what is there, and fails the test if something
// is missing or comes from nowhere.
func (l *Lab) Compare(fault time.Time) (s Seen) {
	l.t.Helper()
	check := tweets.Check{In: tweets.Data{Topic: l.Job.In}, Out: tweets.Data{Topic: l.Job.Out}}
	var err error
	if s.Verdict, err = check.Run(l.t.Context(), l.Broker); err != nil {
		l.t.Fatal(err)
	}
	if l.poured.After(fault) {
		s.Gap, s.Back = l.between(fault, l.poured)
	}
	l.t.Log(s)
	if s.Missing > 0 || s.Phantoms > 0 {
		l.t.Errorf("data is lost, or comes from nowhere")
	}
	return s
}

// Stalled is for how long, in all, this process has not run since, though it wanted to.
func (l *Lab) Stalled(since time.Time) time.Duration { return l.control.stalled(since, time.Now()) }

// Returns waits until the output is back at 95 % of the input's rate, and has been for
// two seconds; and for least in any case. It says how long after the fault it was back,
// and false if that is longer than most.
func (l *Lab) Returns(fault time.Time, least time.Duration, most func() time.Duration) (back time.Duration, ok bool) {
	l.t.Helper()
	const steady = 2 * time.Second
	for l.Pass(least - time.Since(fault)); ; l.Pass(time.Second / 2) {
		took := time.Since(fault)
		if back = l.gauge.back(fault, time.Now(), l.rate); took-back >= steady {
			return back, true
		}
		if took > most()+steady {
			return back, false
		}
	}
}

// Since is a Seen's Gap and Back up to now, while the input is poured.
func (l *Lab) Since(fault time.Time) (gap, back time.Duration) {
	l.t.Helper()
	return l.between(fault, time.Now())
}

func (l *Lab) between(from, to time.Time) (gap, back time.Duration) {
	l.t.Helper()
	l.t.Log("records in each second since the fault:", l.gauge.series(from, to))
	gap, end := l.gauge.silence(from, to)
	back = l.gauge.back(from, to, l.rate)
	if gap > time.Second/2 { // what came in one go then is not the rate
		back = max(back, end.Sub(from))
	}
	return gap, back
}

// Honest fails the test if more is committed than is written.
func (l *Lab) Honest() {
	l.t.Helper()
	committed, _ := l.Marks()
	check := tweets.Check{In: tweets.Data{Topic: l.Job.In}, Out: tweets.Data{Topic: l.Job.Out}}
	v, err := check.Run(l.t.Context(), l.Broker)
	if err != nil {
		l.t.Fatal(err)
	}
	if written := int64(v.Out - v.Duplicates); written < committed {
		l.t.Errorf("%d records are committed, but %d written", committed, written)
	}
}

// Kept fails the test if a worker that runs threw frames away.
func (l *Lab) Kept() { l.t.Helper(); l.kept(false) }

// Told is Kept, and fails the test if a tree timed out: losses are told, not waited
// for.
func (l *Lab) Told() { l.t.Helper(); l.kept(true) }

func (l *Lab) kept(told bool) {
	l.t.Helper()
	for _, w := range l.Workers {
		s, ok := w.Status()
		if !w.Running() {
			continue
		}
		if !ok {
			l.t.Errorf("%s does not answer", w.Name)
		}
		if s.Dropped > 0 {
			l.t.Errorf("%s threw %d frames away", w.Name, s.Dropped)
		}
		for _, c := range s.Stats.Components {
			if len(c.FailedBy) > 0 {
				l.t.Logf("%s %s: failed %v", w.Name, c.Name, c.FailedBy)
			}
			if n := c.FailedBy[tuple.Timeout]; told && n > 0 {
				l.t.Errorf("%s: %d trees timed out", w.Name, n)
			}
		}
	}
}

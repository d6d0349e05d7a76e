package kafka

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/waterspout/waterspout/spout"
)

// Detail shows the partitions with their positions and lag, the member's
// identity, and what fails now. A task without a partition shows that it is
// idle.
func (s *Source) Detail() map[string]string {
	d := map[string]string{}
	if !s.opened.Load() {
		return d
	}
	owned := *s.owned.Load()
	d["state"] = s.state(len(owned))
	lag := int64(0)
	for _, o := range owned {
		text, behind := o.detail()
		d[o.claim.String()] = text
		lag += behind
	}
	d["lag"] = strconv.FormatInt(lag, 10)
	if last := s.member.LastError(); last != nil {
		d["last error"] = last.Error()
	}
	return d
}

// state is what the task does, or what keeps it from it.
func (s *Source) state(partitions int) string {
	text := "idle, no partition"
	if partitions > 0 {
		text = fmt.Sprintf("reads %d partitions", partitions)
	}
	if doing, err := s.member.Trouble(); err != nil {
		text += fmt.Sprintf("; %s fails: %v", doing, err)
	}
	return text
}

// detail is one line on a partition, and its lag, 0 if it is not known.
func (o *ownership) detail() (line string, lag int64) {
	end := o.claim.End()
	o.mu.Lock()
	defer o.mu.Unlock()
	ahead := "end and lag not known yet"
	if end >= 0 {
		lag = max(0, end-o.committed)
		ahead = fmt.Sprintf("end %d, lag %d", end, lag)
	}
	line = fmt.Sprintf("committed %d, position %d, %s, in flight %d, in back-off %d, held %d bytes",
		o.committed, o.tracker.Position(), ahead, o.tracker.Open(), o.tracker.InBackoff(), o.tracker.Bytes())
	if o.full && o.reset == nil && !o.unset {
		line += ", paused"
	}
	if o.tracker.InBackoff()+o.tracker.GivingUp() > 0 {
		line += ", last failure: " + o.lastFailure()
	}
	return line, lag
}

// lastFailure is the first line of it. Call it with mu held.
func (o *ownership) lastFailure() string {
	if o.failure == (spout.Failure{}) {
		return "none"
	}
	line, _, _ := strings.Cut(o.failure.Error(), "\n")
	return line
}

// stuckAfter is when an offset that does not move is worth a line in the log.
const stuckAfter = 30 * time.Second

// watch warns of partitions whose oldest record does not end: once for each such
// record. It runs on the committer's goroutine.
func (s *Source) watch(now time.Time) {
	for _, o := range *s.owned.Load() {
		o.mu.Lock()
		low, held, attempts, failure := o.tracker.Low(), o.tracker.Held(), 0, o.lastFailure()
		if held == 0 || low != o.oldest || o.since.IsZero() {
			o.oldest, o.since, o.told = low, now, false
		}
		tell := !o.told && now.Sub(o.since) >= stuckAfter
		if tell {
			o.told = true
			attempts = o.tracker.OldestAttempts()
		}
		bytes := o.tracker.Bytes()
		o.mu.Unlock()
		if tell {
			s.log.Warn("kafka: the oldest record of a partition does not end; nothing after it can be committed",
				"partition", o.claim.String(), "offset", low, "for", now.Sub(o.since).Round(time.Second),
				"attempts", attempts, "behind it", held-1, "bytes held", bytes, "last failure", failure)
		}
	}
}

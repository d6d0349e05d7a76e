package kafka

import (
	"context"
	"time"

	"github.com/waterspout/waterspout/internal/kafkaio"
	"github.com/waterspout/waterspout/spout"
)

const (
	// run is how many records of a partition are emitted before the next
	// partition, replays and the clock have their turn.
	run = 256
	// replayShare bounds replays to a tenth of the live records, while there
	// are any (rule O2).
	replayShare = 10
)

// Run emits the records of the partitions that the group gives to this task, and
// replays, until ctx ends.
func (s *Source) Run(ctx context.Context, out *spout.Emitter[Record]) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	s.running.Store(true)
	defer s.running.Store(false)
	for ctx.Err() == nil {
		emitted, ok := s.round(ctx, out)
		if !ok {
			return s.reason()
		}
		if emitted {
			continue
		}
		if s.atEnd() {
			return nil
		}
		if !s.wait(ctx, timer) {
			break
		}
	}
	return s.reason()
}

// reason is what Run returns when it has to.
func (s *Source) reason() error {
	select {
	case <-s.halted:
		return s.fatal
	case <-s.member.Dead():
		return s.member.Err()
	default:
		return nil
	}
}

// wait blocks until there may be something to do. It reports false when Run
// should return.
func (s *Source) wait(ctx context.Context, timer *time.Timer) bool {
	timer.Reset(s.pause(time.Now()))
	select {
	case <-s.member.Ready():
	case <-s.wake:
	case <-timer.C:
	case <-ctx.Done():
		return false
	case <-s.halted:
		return false
	case <-s.member.Dead():
		return false
	}
	return true
}

// pause is how long nothing will happen by itself.
func (s *Source) pause(now time.Time) time.Duration {
	d := time.Hour
	if s.spec.Stop == AtEnd {
		d = s.spec.CommitEvery
	}
	for _, o := range *s.owned.Load() {
		o.mu.Lock()
		if at, ok := o.tracker.NextDue(); ok {
			d = min(d, at.Sub(now))
		}
		o.mu.Unlock()
	}
	return max(d, 0)
}

// round gives every partition a turn. It reports whether anything was emitted,
// and false when Run should return.
func (s *Source) round(ctx context.Context, out *spout.Emitter[Record]) (emitted, ok bool) {
	live := 0
	limit := s.limit()
	for _, o := range *s.owned.Load() {
		n, ok := s.emit(out, o, limit)
		if live += n; !ok {
			return true, false
		}
	}
	replayed, ok := s.replay(out, live)
	return live+replayed > 0, ok && ctx.Err() == nil
}

// emit emits a run of a partition.
func (s *Source) emit(out *spout.Emitter[Record], o *ownership, limit int) (n int, ok bool) {
	first, records, reset := o.take(run, limit)
	ok = true
	if reset != nil {
		s.wentOn(o, reset)
	}
	s.live = stretch{o, first, records}
	if n = out.EmitEach(len(records), s.each); n < len(records) {
		o.giveBack(len(records) - n)
		ok = o.leaving.Load()
	}
	s.live = stretch{}
	return n, ok
}

// A stretch is records of a partition that are being emitted.
type stretch struct {
	of      *ownership
	first   uint64 // the number of the first
	records []kafkaio.Fetched
}

func (s *stretch) nth(i int, r *Record) (id uint64, more bool) {
	if s.of.leaving.Load() {
		return 0, false
	}
	*r = Record(s.records[i].Record())
	return s.of.messageID(s.first + uint64(i)), true
}

// wentOn tells that a partition had lost what was to be read next.
func (s *Source) wentOn(o *ownership, b *kafkaio.Batch) {
	s.skipped.Add(b.Skipped)
	why := "the offset is gone"
	if b.Anew {
		why = "the topic was created anew"
	}
	s.log.Warn("kafka: "+why+"; going on elsewhere", "partition", o.claim.String(), "at", b.Next, "skipped", b.Skipped)
	signal(s.hasten) // nothing is emitted before this start is committed
}

// replay emits failed records whose time has come: as many as live records have
// earned, or a run if there were none.
func (s *Source) replay(out *spout.Emitter[Record], live int) (n int, ok bool) {
	s.credit = min(s.credit+live, run*replayShare)
	budget := s.credit / replayShare
	if live == 0 {
		budget = run
	}
	var now time.Time
	for _, o := range *s.owned.Load() {
		for n < budget {
			emitted, ok := s.replayOne(out, o, &now)
			if !ok {
				s.replayed.Add(uint64(n))
				return n, false
			}
			if !emitted {
				break
			}
			n++
		}
	}
	s.credit = max(0, s.credit-n*replayShare)
	s.replayed.Add(uint64(n))
	return n, true
}

// Replayed is how many records were emitted again, for Stats.
func (s *Source) Replayed() uint64 { return s.replayed.Load() }

func (s *Source) replayOne(out *spout.Emitter[Record], o *ownership, now *time.Time) (emitted, ok bool) {
	o.mu.Lock()
	if o.tracker.InBackoff() == 0 {
		o.mu.Unlock()
		return false, true
	}
	if now.IsZero() {
		*now = time.Now()
	}
	number, record, due := o.tracker.Due(*now)
	o.mu.Unlock()
	if !due {
		return false, true
	}
	if !out.EmitID(Record(record.Record()), o.messageID(number)) {
		o.mu.Lock()
		o.tracker.Undue(number, *now)
		o.settle()
		o.mu.Unlock()
		return false, false
	}
	return true, true
}

// atEnd reports, with AtEnd, whether the group has committed all that there
// was at the start.
func (s *Source) atEnd() bool {
	if s.spec.Stop != AtEnd || !s.reached() {
		return false
	}
	partitions := map[string][]int32{}
	for topic, ends := range s.ends {
		for p := range ends {
			partitions[topic] = append(partitions[topic], p)
		}
	}
	committed, err := s.member.Committed(partitions)
	if err != nil { // asked again after a pause
		s.member.Troubled("the end of the topics", err)
		return false
	}
	s.member.Troubled("the end of the topics", nil)
	for topic, ends := range s.ends {
		for p, end := range ends {
			if committed[topic][p] < end {
				return false
			}
		}
	}
	return true
}

// reached reports whether the partitions of this task are done, so that it is
// worth to ask for the others.
func (s *Source) reached() bool {
	for _, o := range *s.owned.Load() {
		o.mu.Lock()
		committed := o.committed
		o.mu.Unlock()
		if committed < s.ends[o.claim.Topic][o.claim.Partition] {
			return false
		}
	}
	return true
}

package kafka

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/waterspout/waterspout/internal/kafkaio"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/tuple"
)

// owning is a Source with one partition, which has the given batches.
func owning(batches ...kafkaio.Batch) (*Source, *ownership, *idle, *spout.Emitter[Record]) {
	s := newSource(Spout{Retry: spout.Retry{Backoff: time.Nanosecond}}.defaults())
	s.log, s.skipped = slog.New(slog.DiscardHandler), new(tuple.Counter)
	o := newOwnership(1, kafkaio.FixedClaim("in", 0, 0, batches...))
	s.ids.Store(&map[uint16]*ownership{1: o})
	s.owned.Store(&[]*ownership{o})
	engine := &idle{}
	return s, o, engine, spout.NewEmitter[Record](engine)
}

// filled is a batch of n records from an offset on.
func filled(from, n int64) kafkaio.Batch {
	b := kafkaio.Batch{Next: from + n, Bytes: int(n)}
	for i := range n {
		b.Records = append(b.Records, kafkaio.FetchedFrom(kafkaio.Record{Offset: from + i}))
	}
	return b
}

// While live records wait, replays are at most a tenth of them (rule O2); then
// there is no bound.
func TestSourcePacesReplays(t *testing.T) {
	const n = 10_000
	s, o, engine, out := owning(filled(0, n))
	replays := 0
	for live := 0; live < n; {
		was := len(engine.ids)
		if _, ok := s.round(t.Context(), out); !ok {
			t.Fatal("not ok")
		}
		for _, id := range engine.ids[was:] {
			if id&numberMask >= uint64(live) {
				live++
			} else {
				replays++
			}
			s.Fail(id, spout.Failure{Kind: tuple.Timeout})
		}
	}
	if replays > n/10 || replays < n/20 {
		t.Errorf("%d replays among %d live records", replays, n)
	}
	was := len(engine.ids)
	if _, ok := s.round(t.Context(), out); !ok || len(engine.ids)-was != run {
		t.Errorf("%d replays in a round without live records, want %d", len(engine.ids)-was, run)
	}
	if o.tracker.Low() != 0 {
		t.Errorf("low %d, want 0", o.tracker.Low())
	}
}

// Fetches without records do not hold up those behind them: Run is woken once for
// both.
func TestSourceTakesPastEmptyFetches(t *testing.T) {
	s, o, engine, out := owning(kafkaio.Batch{Next: 3}, kafkaio.Batch{Next: 7}, filled(7, 2))
	if emitted, ok := s.round(t.Context(), out); !emitted || !ok || len(engine.ids) != 2 {
		t.Fatalf("emitted %d, want 2", len(engine.ids))
	}
	for _, id := range engine.ids {
		s.Ack(id)
	}
	if low, dirty := o.dirty(); low != 9 || !dirty {
		t.Errorf("low %d, dirty %v", low, dirty)
	}
}

// A reset takes effect when all that was read before it is finished, and its
// start is committed before anything is emitted from there (rule P1).
func TestSourceResetWaits(t *testing.T) {
	for name, to := range map[string]int64{"forward": 50, "back": 1} {
		t.Run(name, func(t *testing.T) {
			s, o, engine, out := owning(filled(10, 2), kafkaio.Batch{Reset: true, Next: to, Skipped: 38}, filled(to, 1))
			rounds := func(n int) {
				t.Helper()
				for range 3 {
					s.round(t.Context(), out)
				}
				if len(engine.ids) != n {
					t.Fatalf("%d emits, want %d", len(engine.ids), n)
				}
			}
			rounds(2)
			s.Ack(engine.ids[1])
			s.Fail(engine.ids[0], spout.Failure{Kind: tuple.Error})
			rounds(3) // the replay
			if low, _ := o.dirty(); low != 10 {
				t.Errorf("low %d before the reset, want 10", low)
			}
			s.Ack(engine.ids[2])
			rounds(3)
			if low, dirty := o.dirty(); low != to || !dirty {
				t.Fatalf("low %d, dirty %v: want the new start, %d, to be committed", low, dirty, to)
			}
			if !o.accepted(to) {
				t.Error("nobody is woken when the start is committed")
			}
			rounds(4)
			if s.skipped.Load() != 38 {
				t.Errorf("%d counted as skipped", s.skipped.Load())
			}
		})
	}
}

// The answer to a commit that was under way when the reader went over to another start is
// not that start's.
func TestSourceResetWhileACommitIsUnderWay(t *testing.T) {
	s, o, engine, out := owning(filled(0, 2), kafkaio.Batch{Reset: true, Next: 0, Anew: true}, filled(0, 1))
	s.round(t.Context(), out)
	s.Ack(engine.ids[0])
	old, dirty := o.dirty()
	if old != 1 || !dirty {
		t.Fatalf("low %d, dirty %v", old, dirty)
	}
	s.Ack(engine.ids[1])
	s.round(t.Context(), out)
	if o.accepted(old) {
		t.Error("the former commit let the reader go on")
	}
	s.round(t.Context(), out)
	if low, dirty := o.dirty(); low != 0 || !dirty || len(engine.ids) != 2 {
		t.Fatalf("low %d, dirty %v, %d emits: want the start committed first", low, dirty, len(engine.ids))
	}
	if !o.accepted(0) {
		t.Error("the start's commit does not let it go on")
	}
	if s.round(t.Context(), out); len(engine.ids) != 3 {
		t.Errorf("%d emits", len(engine.ids))
	}
}

// An ownership that is stopped emits nothing, replays neither, and is quiet when
// its last answer has come (rule P3).
func TestOwnershipStops(t *testing.T) {
	s, o, engine, out := owning(filled(0, 300))
	s.round(t.Context(), out)
	for _, id := range engine.ids[1:] {
		s.Fail(id, spout.Failure{Kind: tuple.Error})
	}
	o.stop()
	was := len(engine.ids)
	s.round(context.Background(), out)
	if len(engine.ids) != was {
		t.Errorf("%d emits after stop", len(engine.ids)-was)
	}
	if finished(o.quiet) {
		t.Error("quiet with a record in flight")
	}
	s.Ack(engine.ids[0])
	if !finished(o.quiet) {
		t.Error("not quiet after the last answer")
	}
	if low, dirty := o.dirty(); low != 1 || !dirty {
		t.Errorf("low %d", low)
	}
}

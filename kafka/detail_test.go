package kafka

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/waterspout/waterspout/internal/kafkaio"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/tuple"
)

// A record that does not end is told once, with what is known of it, and its
// successor again.
func TestSourceWatchTellsOnce(t *testing.T) {
	var lines strings.Builder
	s := newSource(Spout{}.defaults())
	s.log = slog.New(slog.NewTextHandler(&lines, nil))
	o := newOwnership(1, &kafkaio.Claim{Topic: "in", Partition: 3})
	s.ids.Store(&map[uint16]*ownership{1: o})
	s.owned.Store(&[]*ownership{o})
	now := time.Unix(0, 0)
	at := func(d time.Duration, want int) {
		t.Helper()
		s.watch(now.Add(d))
		if n := strings.Count(lines.String(), "does not end"); n != want {
			t.Errorf("after %s: told %d times, want %d:\n%s", d, n, want, &lines)
		}
	}
	at(0, 0)
	at(time.Hour, 0) // nothing is held: an idle partition is not stuck
	o.tracker.Add([]kafkaio.Fetched{kafkaio.FetchedFrom(kafkaio.Record{Offset: 5}), kafkaio.FetchedFrom(kafkaio.Record{Offset: 6})}, 7, 1)
	first, _, _ := o.take(2, 1)
	at(time.Hour, 0)
	s.Fail(o.messageID(first), spout.Failure{Kind: tuple.Error, Component: "decode", Text: "bad\nthing"})
	at(time.Hour+stuckAfter-1, 0)
	at(time.Hour+stuckAfter, 1)
	at(2*time.Hour, 1)
	for _, part := range []string{"in/3", "offset=5", "attempts=1", `"last failure"="error in decode: bad"`, `"behind it"=1`} {
		if !strings.Contains(lines.String(), part) {
			t.Errorf("does not say %s:\n%s", part, &lines)
		}
	}
	if _, record, ok := o.tracker.Due(time.Now().Add(time.Hour)); !ok || record.Offset() != 5 {
		t.Fatal("not due")
	}
	s.Ack(o.messageID(first))
	at(3*time.Hour, 1)
	at(3*time.Hour+stuckAfter, 2)
}

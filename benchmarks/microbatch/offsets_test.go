package microbatch

import (
	"log/slog"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/waterspout/waterspout/internal/kafkaio"
)

// drawFetches draws a partition with gaps, as compaction and markers leave them, and
// how it is fetched.
func drawFetches(rt *rapid.T) (fetches []kafkaio.Batch, offsets []int64, end int64) {
	for range rapid.IntRange(1, 8).Draw(rt, "fetches") {
		var b kafkaio.Batch
		for range rapid.IntRange(0, 6).Draw(rt, "records") {
			end += rapid.Int64Range(0, 2).Draw(rt, "gap")
			b.Records = append(b.Records, kafkaio.FetchedFrom(Record{Offset: end}))
			offsets = append(offsets, end)
			end++
		}
		end += rapid.Int64Range(0, 2).Draw(rt, "tail")
		b.Next = end
		fetches = append(fetches, b)
	}
	return fetches, offsets, end
}

// However a partition is fetched, and cut into ranges, a range has the records
// between its offsets, in order; also after a task that read only some of its own.
func TestRangesHaveTheirRecords(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		fetches, offsets, end := drawFetches(rt)
		c := &cursor{claim: kafkaio.FixedClaim("in", 0, 0, fetches...), log: slog.New(slog.DiscardHandler)}
		for from := int64(0); from < end; {
			until := rapid.Int64Range(from, end).Draw(rt, "until")
			want := slices.DeleteFunc(slices.Clone(offsets), func(o int64) bool { return o < from || o >= until })
			stop := rapid.IntRange(1, len(want)+2).Draw(rt, "stop")
			var got []int64
			whole := c.read(t.Context(), &from, until, func(r Record) bool {
				got = append(got, r.Offset)
				return len(got) < stop
			})
			if want = want[:min(stop, len(want))]; !whole || !slices.Equal(got, want) {
				rt.Fatalf("from %d until %d: %v, %v, want %v", from, until, whole, got, want)
			}
			from = max(until, c.position) // beyond, if there is no record between
		}
	})
}

// A topic that was made anew may have grown beyond what was read of the old one
// before its end is asked for: what it has below that is read, too, also by a task that
// runs again.
func TestRangeOfATopicMadeAnew(t *testing.T) {
	of := func(from, to int64) kafkaio.Batch {
		b := kafkaio.Batch{Next: to}
		for o := from; o < to; o++ {
			b.Records = append(b.Records, kafkaio.FetchedFrom(Record{Offset: o}))
		}
		return b
	}
	c := &cursor{log: slog.New(slog.DiscardHandler), offset: 10, position: 10,
		claim: kafkaio.FixedClaim("in", 0, 10, kafkaio.Batch{Reset: true, Anew: true}, of(0, 6), of(6, 20))}
	r := &offsetRange{cursor: c, from: 10, until: 20, reached: 20}
	var got []int64
	for record := range r.records(&Task{ctx: t.Context()}) {
		got = append(got, record.Offset)
	}
	if len(got) != 20 || got[0] != 0 || !slices.IsSorted(got) {
		t.Errorf("read %v, want 0 to 19", got)
	}
	if r.from != 0 || r.reached != 20 {
		t.Errorf("the range is %d to %d; another attempt begins at 0", r.from, r.reached)
	}
}

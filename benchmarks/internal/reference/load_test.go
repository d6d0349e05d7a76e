package reference

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"

	"github.com/waterspout/waterspout/internal/tweets"
	"github.com/waterspout/waterspout/kafka"
)

func TestSchedule(t *testing.T) {
	s := Schedule{Begin: time.Unix(1000, 0), Rate: 5000, Records: 10_000}
	for i, want := range map[int]time.Duration{0: 0, 4: 0, 5: time.Millisecond, 4999: 999 * time.Millisecond, 5000: time.Second} {
		if got := s.Due(i).Sub(s.Begin); got != want {
			t.Errorf("record %d is due at %v, want %v", i, got, want)
		}
	}
	if s.Span() != 2*time.Second {
		t.Errorf("the span is %v", s.Span())
	}
}

// DueBy is the inverse of Due, at any rate.
func TestDueBy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Schedule{Rate: rapid.IntRange(1, 2_000_000).Draw(t, "rate"), Records: rapid.IntRange(1, 1e7).Draw(t, "records")}
		i := rapid.IntRange(0, s.Records-1).Draw(t, "record")
		const grain = time.Microsecond // of the arithmetic
		if got := s.DueBy(s.after(i) + grain); got <= i {
			t.Errorf("record %d is due after %v, when %d are", i, s.after(i), got)
		}
		if s.after(i) >= grain && s.DueBy(s.after(i)-grain) > i {
			t.Errorf("record %d is due after %v, but was before", i, s.after(i))
		}
	})
}

func TestFlat(t *testing.T) {
	windows := func(p50s ...float64) (ws []Window) {
		for _, p := range p50s {
			ws = append(ws, Window{P50: p})
		}
		return ws
	}
	for _, c := range []struct {
		ws   []Window
		from int
		flat bool
	}{
		{windows(50, 20, 10, 10, 10, 11), 2, true},
		{windows(10, 10, 10, 10, 10, 10), 1, true},
		{windows(10, 20, 40, 80, 160, 320), 3, false},
		{windows(9, .1, 1, 1.8, 1, 1), 1, true},
		{windows(9, 9), 3, false},
	} {
		if from, flat := Flat(c.ws, 1, 3); from != c.from || flat != c.flat {
			t.Errorf("%v: from %d, %v; want %d, %v", c.ws, from, flat, c.from, c.flat)
		}
	}
}

func TestBatch(t *testing.T) {
	var records []byte
	want := [][]byte{[]byte("a"), make([]byte, 10_000)}
	for i, v := range want {
		records = appendRecord(records, v, i)
	}
	var b kmsg.RecordBatch
	if err := b.ReadFrom(appendBatch(nil, records, len(want))); err != nil {
		t.Fatal(err)
	}
	rest := b.Records
	for i, v := range want {
		r := kmsg.NewRecord()
		if err := r.ReadFrom(rest); err != nil || string(r.Value) != string(v) || int(r.OffsetDelta) != i {
			t.Fatalf("record %d: %+v, %v", i, r, err)
		}
		rest = rest[len(r.AppendTo(nil)):]
	}
	if len(rest) > 0 {
		t.Errorf("%d bytes too many", len(rest))
	}
}

// What the generator sends is what was asked for, whoever reads it; and a reader
// tells what came once, twice or never.
func TestGenerateAndRead(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	in, err := b.Topic(ctx, "in")
	if err != nil {
		t.Fatal(err)
	}
	s := Schedule{Rate: 50_000, Records: 25_010}
	if _, err := Prepare(ctx, Offer{Brokers: b.Addrs, In: in, Schedule: s, Size: 100}); err != nil {
		t.Fatal(err)
	}
	again := kafka.Of(nil)
	for again.Value = range Values(7, 8, 100) {
	}
	if err := b.broker.Produce(ctx, in, again); err != nil {
		t.Fatal(err)
	}
	s.Begin = time.Now()
	sent, err := Generate(ctx, s.Begin)
	if err != nil || sent.Late <= 0 || sent.Late > sent.LateMax {
		t.Errorf("%+v, %v", sent, err)
	}
	s.Records += 5 // that nobody sends
	r, err := Read(ctx, Watch{Brokers: b.Addrs, Out: in, Schedule: s, Patience: 1})
	if err != nil || r.Unique != s.Records-5 || r.Doubled != 1 {
		t.Errorf("%d records, %d doubled, %v", r.Unique, r.Doubled, err)
	}
	sum := 0
	for _, n := range r.First {
		sum += n
	}
	if sum != r.Unique || r.P50 <= 0 || r.P50 > r.P99 || len(r.CDF) != len(Quantiles) {
		t.Errorf("%+v", r)
	}
	ends, err := b.broker.EndOffsets(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	for p, end := range ends {
		if end < 4900 || end > 5100 {
			t.Errorf("partition %d has %d records", p, end)
		}
	}
	if _, err := Generate(ctx, s.Begin); err == nil {
		t.Error("generated what was not prepared")
	}
	if _, err := Prepare(ctx, Offer{Brokers: b.Addrs, In: "nowhere", Schedule: s}); err == nil {
		t.Error("prepared for a topic that is not there")
	}
}

// A poisoned record fails once, and is replayed alone.
func TestPoison(t *testing.T) {
	const n = 5000
	b := newBench(t)
	in, err := b.Fill(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	s := b.spec(t, "acked", in, n)
	s.Poison, s.Instance, s.Pending = 100, "it", 1000
	if _, err := Start(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	written := func() (uint64, error) { return progress().Written, nil }
	if _, err := Await(written, steady.job.failed(), n); err != nil {
		t.Fatal(err)
	}
	if got := progress().Attempts; got != n+n/s.Poison {
		t.Errorf("%d attempts at %d records", got, n)
	}
	if _, err := End(t.Context(), struct{}{}); err != nil {
		t.Error(err)
	}
	if err := b.Check(t.Context(), s); err != nil {
		t.Error(err)
	}
}

// One tweet of every block is poisoned, and they spread over the partitions.
func TestPoisoned(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		every := rapid.Uint64Range(1, 20_000).Draw(t, "every")
		records := rapid.Uint64Range(0, 50_000).Draw(t, "records")
		p := &poisoned{every: every}
		var n uint64
		for i := range records {
			if p.fails(&tweets.Tweet{Username: fmt.Sprint("zergling", i)}) {
				n++
			}
		}
		if want := Poisoned(records, every); n != want {
			t.Errorf("%d of %d records fail, want %d", n, records, want)
		}
	})
	s := Schedule{Rate: 250_000, Records: 1_000_000}
	var parts [5]int
	for block := range uint64(100) {
		i := int(block*10_000 + poisonAt(block, 10_000))
		parts[i/s.burst()%len(parts)]++
	}
	if slices.Min(parts[:]) < 10 {
		t.Errorf("100 poisoned records in partitions: %v", parts)
	}
}

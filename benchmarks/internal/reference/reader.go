package reference

import (
	"context"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A Watch is one call of [Read].
type Watch struct {
	Brokers  []string
	Out      string
	Schedule Schedule // of the load whose output is read; with no rate, all records were due long ago

	// The measured part of the load begins when latency is flat, at From seconds at
	// the earliest and at Until at the latest.
	From, Until float64

	// Patience is for how many seconds nothing may arrive after the end of the
	// schedule, before what is missing is given up. After Fault seconds, when the
	// job is ended, and until something arrives again, it is Outage.
	Patience, Fault, Outage float64
}

// Slot is the width of the time series of a Reading.
const Slot = 100 * time.Millisecond

// Quantiles are those, in percent, that a Reading has the latencies of.
var Quantiles = quantiles()

func quantiles() (qs []float64) {
	for q := 2.; q < 99; q += 2 {
		qs = append(qs, q)
	}
	return append(qs, 99, 99.5, 99.9, 99.99, 100)
}

// A Reading is what arrived, latencies in milliseconds.
type Reading struct {
	Unique, Doubled int
	First, Again    []int // records per Slot since the beginning: seen for the first time, and once more

	Flat               bool    // latency became so within the bounds
	Since              float64 // seconds after which latencies count
	P50, P99, P999     float64
	Max                float64
	CDF                []float64 // at Quantiles
	Windows            []Window  // one a second, by the time that records were due
	Calm, Silence      float64   // longest time without an arrival in seconds: before Fault, and after it
	SilenceFrom, Ended float64   // seconds since the beginning: when Silence began; when all had arrived
}

// A Window has the latencies of the records that were due in one second.
type Window struct {
	Records  int
	P50, P99 float64
}

type reader struct {
	Watch
	Reading
	seen    []bool
	windows []*hdrhistogram.Histogram // microseconds
	last    float64                   // of the arrivals, in seconds since the beginning
	opened  float64                   // when the reading began, the same
	client  *kgo.Client
}

// Read reads an output until all of the load has arrived, or is given up. The
// records of other numbers are passed over.
func Read(ctx context.Context, w Watch) (Reading, error) {
	r, err := newReader(w)
	if err != nil {
		return Reading{}, err
	}
	defer r.client.Close()
	if err := r.read(ctx); err != nil {
		return Reading{}, err
	}
	r.conclude()
	return r.Reading, nil
}

func newReader(w Watch) (*reader, error) {
	r := &reader{Watch: w, seen: make([]bool, w.Schedule.Records)}
	if w.Schedule.Rate == 0 {
		r.Schedule.Begin = time.Now()
	}
	r.opened = time.Since(r.Schedule.Begin).Seconds()
	var err error
	r.client, err = kgo.NewClient(
		kgo.SeedBrokers(w.Brokers...),
		kgo.ConsumeTopics(w.Out),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchMaxWait(time.Second),
	)
	return r, err
}

func (r *reader) read(ctx context.Context) error {
	for r.Unique < r.Schedule.Records {
		limit := r.limit()
		within, cancel := context.WithDeadline(ctx, r.Schedule.Begin.Add(seconds(limit)))
		fetches := r.client.PollFetches(within)
		expired := within.Err() != nil
		cancel()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if expired && fetches.NumRecords() == 0 {
			return nil
		}
		if err := fetches.Err(); err != nil {
			return err
		}
		at, n := time.Since(r.Schedule.Begin), 0
		for it := fetches.RecordIter(); !it.Done(); {
			ours, err := r.arrive(it.Next().Value, at)
			if err != nil {
				return err
			}
			n += ours
		}
		if n > 0 {
			r.silence(at.Seconds())
		}
	}
	return nil
}

// limit is when the wait for more is over, in seconds since the beginning.
func (r *reader) limit() float64 {
	end, patience := 0., r.Patience
	if r.Schedule.Rate > 0 {
		end = r.Schedule.Span().Seconds()
	}
	// What was under way when the job was ended still arrives.
	const echo = .5
	if r.Fault > 0 && r.last < r.Fault+echo {
		patience = r.Outage
	}
	return max(end, r.last, r.opened) + patience
}

// arrive returns how many records of the load value is.
func (r *reader) arrive(value []byte, at time.Duration) (int, error) {
	i, err := number(value)
	if err != nil || i >= len(r.seen) {
		return 0, err
	}
	again := r.seen[i]
	r.seen[i] = true
	if again {
		r.Doubled++
	} else {
		r.Unique++
	}
	if r.Schedule.Rate == 0 {
		return 1, nil
	}
	slot := max(int(at/Slot), 0)
	for len(r.First) <= slot {
		r.First, r.Again = append(r.First, 0), append(r.Again, 0)
	}
	if again {
		r.Again[slot]++
		return 1, nil
	}
	r.First[slot]++
	after := r.Schedule.after(i)
	_ = r.window(int(after / time.Second)).RecordValue(max((at - after).Microseconds(), 1)) // within the range, as all of a run is
	return 1, nil
}

func (r *reader) window(i int) *hdrhistogram.Histogram {
	for len(r.windows) <= i {
		r.windows = append(r.windows, hdrhistogram.New(1, 600e6, 3))
	}
	return r.windows[i]
}

// silence notes that something arrived.
func (r *reader) silence(at float64) {
	gap := at - r.last
	if r.Fault == 0 || at < r.Fault {
		r.Calm = max(r.Calm, gap)
	} else if gap > r.Silence {
		r.Silence, r.SilenceFrom = gap, r.last
	}
	r.last = max(at, 0)
}

func (r *reader) conclude() {
	r.Ended = r.last
	if len(r.windows) == 0 {
		return
	}
	for _, w := range r.windows {
		r.Windows = append(r.Windows, Window{int(w.TotalCount()), millis(w.ValueAtQuantile(50)), millis(w.ValueAtQuantile(99))})
	}
	from, flat := Flat(r.Windows, int(r.From), int(r.Until))
	r.Flat, r.Since = flat, float64(from)
	all := hdrhistogram.New(1, 600e6, 3)
	for _, w := range r.windows[min(from, len(r.windows)-1):] {
		all.Merge(w)
	}
	r.P50, r.P99, r.P999 = millis(all.ValueAtQuantile(50)), millis(all.ValueAtQuantile(99)), millis(all.ValueAtQuantile(99.9))
	r.Max = millis(all.Max())
	for _, q := range Quantiles {
		r.CDF = append(r.CDF, millis(all.ValueAtQuantile(q)))
	}
}

// Flat finds the end of the warm-up: the first window, from the earliest to the
// latest, from which on three medians in a row lie within a fifth of, or a
// millisecond around, their middle one. Without such a window it is the latest, and
// false.
func Flat(ws []Window, earliest, latest int) (from int, flat bool) {
	const row, share, least = 3, .2, 1.
	for from := earliest; from <= latest && from+row <= len(ws); from++ {
		a, b, c := ws[from].P50, ws[from+1].P50, ws[from+2].P50
		low, high := min(a, b, c), max(a, b, c)
		middle := a + b + c - low - high
		if bound := max(share*middle, least); high-middle <= bound && middle-low <= bound {
			return from, true
		}
	}
	return latest, false
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

package lowwater_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/waterspout/waterspout/internal/lowwater"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/tuple"
)

type tracker = lowwater.Tracker[int64]

// offset makes an int64 its own record.
func offset(r *int64) int64 { return *r }

// A model is what a Tracker should be, as plain sets of offsets.
type model struct {
	position int64
	held     []int64             // sorted
	state    map[int64]string    // of the held: waiting, flying, backoff, giving, parked
	due      map[int64]time.Time // of those in back-off
	attempts map[int64]int
	number   map[int64]uint64 // as the Tracker gave it
	stopped  bool
}

func (m *model) low() int64 {
	if len(m.held) == 0 {
		return m.position
	}
	return m.held[0]
}

func (m *model) count(state string) int {
	n := 0
	for _, o := range m.held {
		if m.state[o] == state {
			n++
		}
	}
	return n
}

func (m *model) in(state string) []int64 {
	var os []int64
	for _, o := range m.held {
		if m.state[o] == state {
			os = append(os, o)
		}
	}
	return os
}

func (m *model) end(o int64) {
	m.held = slices.DeleteFunc(m.held, func(h int64) bool { return h == o })
	delete(m.state, o)
}

// machine drives a Tracker and a model alike.
type machine struct {
	t     *tracker
	m     model
	now   time.Time
	retry spout.Retry
	low   int64 // the highest Low so far
}

func newMachine(rt *rapid.T) *machine {
	start := rapid.Int64Range(0, 1<<40).Draw(rt, "start")
	return &machine{
		t: lowwater.New(start, offset), now: time.Unix(1, 0), low: start,
		retry: spout.Retry{Attempts: rapid.IntRange(0, 3).Draw(rt, "attempts"), Backoff: time.Second, Max: 4 * time.Second},
		m:     model{position: start, state: map[int64]string{}, due: map[int64]time.Time{}, attempts: map[int64]int{}, number: map[int64]uint64{}},
	}
}

// add adds a fetch with gaps before, between and after its records.
func (x *machine) add(rt *rapid.T) {
	var records []int64
	next := x.m.position
	for range rapid.IntRange(0, 200).Draw(rt, "records") {
		next += rapid.Int64Range(0, 3).Draw(rt, "gap")
		records = append(records, next)
		next++
	}
	next += rapid.Int64Range(0, 3).Draw(rt, "tail")
	x.t.Add(records, next, len(records))
	x.m.position = next
	for _, o := range records {
		x.m.held = append(x.m.held, o)
		x.m.state[o] = "waiting"
	}
}

func (x *machine) take(rt *rapid.T) {
	n := rapid.IntRange(1, 150).Draw(rt, "n")
	first, records := x.t.Take(n)
	waiting := x.m.in("waiting")
	if x.m.stopped {
		waiting = nil
	}
	if len(records) > n || len(records) == 0 != (len(waiting) == 0) {
		rt.Fatalf("took %d of %d, %d wait", len(records), n, len(waiting))
	}
	back := 0
	if len(records) > 0 {
		back = rapid.IntRange(0, len(records)).Draw(rt, "back")
	}
	for i, o := range records[:len(records)-back] {
		if o != waiting[i] {
			rt.Fatalf("took %d, want %d", o, waiting[i])
		}
		x.m.state[o], x.m.number[o] = "flying", first+uint64(i)
	}
	x.t.Untake(back)
}

// pick is a record in one of the states, or one that is not.
func (x *machine) pick(rt *rapid.T) (o int64, number uint64, ok bool) {
	var known []int64
	for o := range x.m.number {
		known = append(known, o)
	}
	if len(known) == 0 {
		return 0, 0, false
	}
	slices.Sort(known)
	o = rapid.SampledFrom(known).Draw(rt, "offset")
	return o, x.m.number[o], true
}

func (x *machine) ack(rt *rapid.T) {
	o, number, ok := x.pick(rt)
	if !ok {
		return
	}
	flying := x.m.state[o] == "flying"
	if x.t.Ack(number) != flying {
		rt.Fatalf("ack of %d, which is %q", o, x.m.state[o])
	}
	if flying {
		x.m.end(o)
	}
}

func (x *machine) ackAll(*rapid.T) {
	for _, o := range x.m.in("flying") {
		x.t.Ack(x.m.number[o])
		x.m.end(o)
	}
}

func (x *machine) fail(rt *rapid.T) {
	o, number, ok := x.pick(rt)
	if !ok {
		return
	}
	kind := tuple.Kind(rapid.IntRange(0, tuple.Kinds-1).Draw(rt, "kind"))
	jitter := rapid.Float64Range(0, 0.999).Draw(rt, "jitter")
	got := x.t.Fail(number, kind, x.retry, x.now, jitter)
	want := lowwater.Ignored
	if x.m.state[o] == "flying" {
		want = x.failModel(o, kind)
	}
	if got != want {
		rt.Fatalf("fail of %d with %s: verdict %d, want %d", o, kind, got, want)
	}
	if want == lowwater.Backoff { // at the latest; TestTrackerBackoff has the delays
		x.m.due[o] = x.now.Add(4 * time.Second)
	}
	if x.t.Attempts(number) != x.m.attempts[o] && want != lowwater.Ignored {
		rt.Fatalf("%d attempts, want %d", x.t.Attempts(number), x.m.attempts[o])
	}
}

func (x *machine) failModel(o int64, kind tuple.Kind) lowwater.Verdict {
	if kind == tuple.Error || kind == tuple.Panic || kind == tuple.Rejected {
		x.m.attempts[o]++
	}
	exhausted := x.retry.Attempts > 0 && x.m.attempts[o] >= x.retry.Attempts && (kind == tuple.Error || kind == tuple.Panic)
	switch {
	case kind == tuple.Rejected || exhausted:
		x.m.state[o] = "giving"
		return lowwater.GiveUp
	case x.m.stopped:
		x.m.state[o] = "parked"
		return lowwater.Parked
	}
	x.m.state[o] = "backoff"
	return lowwater.Backoff
}

func (x *machine) due(rt *rapid.T) {
	x.now = x.now.Add(time.Duration(rapid.Int64Range(0, int64(8*time.Second)).Draw(rt, "later")))
	number, o, ok := x.t.Due(x.now)
	if !ok {
		for b, at := range x.m.due {
			if x.m.state[b] == "backoff" && !at.After(x.now) && !x.m.stopped {
				rt.Fatalf("%d is not due at %s, only %s", b, x.now, at)
			}
		}
		return
	}
	if x.m.stopped || x.m.state[o] != "backoff" || x.m.number[o] != number || x.t.Record(number) != o {
		rt.Fatalf("%d came due, which is %q; stopped %v", o, x.m.state[o], x.m.stopped)
	}
	if rapid.Bool().Draw(rt, "undue") {
		x.t.Undue(number, x.now)
		x.m.due[o] = x.now
		return
	}
	x.m.state[o] = "flying"
}

func (x *machine) finish(rt *rapid.T) {
	o, number, ok := x.pick(rt)
	if !ok {
		return
	}
	if rapid.Bool().Draw(rt, "park") {
		x.t.Park(number)
		if x.m.state[o] == "giving" {
			x.m.state[o] = "parked"
		}
		return
	}
	x.t.End(number)
	if x.m.state[o] == "giving" {
		x.m.end(o)
	}
}

func (x *machine) stop(rt *rapid.T) {
	if rapid.IntRange(0, 3).Draw(rt, "really") == 0 {
		x.t.Stop()
		x.m.stopped = true
	}
}

func (x *machine) check(rt *rapid.T) {
	t, m := x.t, &x.m
	if t.Low() != m.low() || t.Position() != m.position {
		rt.Fatalf("low %d, position %d; want %d, %d", t.Low(), t.Position(), m.low(), m.position)
	}
	if t.Low() < x.low {
		rt.Fatalf("low %d after %d", t.Low(), x.low)
	}
	x.low = t.Low()
	got := []int{t.Held(), t.Waiting(), t.Open(), t.GivingUp(), t.InBackoff()}
	want := []int{len(m.held), m.count("waiting"), m.count("flying"), m.count("giving"), m.count("backoff")}
	if !slices.Equal(got, want) {
		rt.Fatalf("held, waiting, open, giving up, in back-off: %v, want %v", got, want)
	}
	if t.Empty() != (len(m.held) == 0) || t.Empty() && t.Bytes() != 0 || t.Bytes() < len(m.held) {
		rt.Fatalf("%d held, empty %v, %d bytes", len(m.held), t.Empty(), t.Bytes())
	}
}

// TestTrackerIsTheModel: whatever happens, a Tracker commits what the naive sets
// say (rules P1, P3, P4, D1).
func TestTrackerIsTheModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		x := newMachine(rt)
		rt.Repeat(map[string]func(*rapid.T){
			"add": x.add, "take": x.take, "take more": x.take, "ack": x.ack, "ack all": x.ackAll, "fail": x.fail,
			"due": x.due, "finish": x.finish, "stop": x.stop, "": x.check,
		})
	})
}

// Everything that is acked in any order is committed, up to the position.
func TestTrackerAnyOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		tr := lowwater.New(0, offset)
		n := rapid.IntRange(1, 3000).Draw(rt, "n")
		var numbers []uint64
		for i := 0; i < n; {
			size := min(n-i, rapid.IntRange(1, 700).Draw(rt, "size"))
			records := make([]int64, size)
			for j := range records {
				records[j] = int64(2 * (i + j))
			}
			i += size
			tr.Add(records, int64(2*i), 1)
			for tr.Waiting() > 0 {
				first, taken := tr.Take(size)
				for j := range taken {
					numbers = append(numbers, first+uint64(j))
				}
			}
		}
		for i, at := range rapid.Permutation(numbers).Draw(rt, "order") {
			if tr.Empty() || !tr.Ack(at) {
				rt.Fatalf("ack %d of %d", i, n)
			}
		}
		if !tr.Empty() || tr.Low() != int64(2*n) || tr.Bytes() != 0 {
			rt.Fatalf("low %d of %d, %d bytes", tr.Low(), 2*n, tr.Bytes())
		}
	})
}

// The delay doubles with the failures of every kind, and its attempts do not
// overflow.
func TestTrackerBackoff(t *testing.T) {
	tr := lowwater.New(0, offset)
	tr.Add([]int64{0}, 1, 1)
	number, _ := tr.Take(1)
	now, retry := time.Unix(0, 0), spout.Retry{Backoff: time.Second, Max: time.Minute}
	for i := range 100 {
		if v := tr.Fail(number, tuple.Timeout, retry, now, 0.999999999); v != lowwater.Backoff {
			t.Fatalf("verdict %d", v)
		}
		at, ok := tr.NextDue()
		want := min(time.Duration(math.Exp2(float64(min(i, 30))))*time.Second, time.Minute)
		if d := at.Sub(now); !ok || d > want || d < want-time.Millisecond {
			t.Fatalf("failure %d: due after %s, want %s", i+1, d, want)
		}
		if _, _, early := tr.Due(at.Add(-1)); early {
			t.Fatal("due before its time")
		}
		now = at
		if _, _, ok := tr.Due(now); !ok {
			t.Fatal("not due in time")
		}
	}
}

// After Stop nothing is handed out, and what fails stays held (rules P3 and D1).
func TestTrackerStop(t *testing.T) {
	tr := lowwater.New(0, offset)
	tr.Add([]int64{0, 1, 2}, 3, 1)
	first, _ := tr.Take(2)
	now := time.Unix(0, 0)
	tr.Fail(first, tuple.Error, spout.Retry{}, now, 0)
	tr.Stop()
	if v := tr.Fail(first+1, tuple.Error, spout.Retry{}, now, 0); v != lowwater.Parked {
		t.Errorf("verdict %d after Stop", v)
	}
	_, taken := tr.Take(1)
	_, _, due := tr.Due(now.Add(time.Hour))
	_, will := tr.NextDue()
	if len(taken) > 0 || due || will || tr.Low() != 0 || tr.Held() != 3 || tr.Open() != 0 {
		t.Errorf("took %v, due %v, low %d, held %d, open %d", taken, due, tr.Low(), tr.Held(), tr.Open())
	}
}

// BenchmarkTracker is the cost of a record from the fetch to the commit: taken in
// runs of 256, acked in an order that is off by up to 4,096.
func BenchmarkTracker(b *testing.B) {
	tr := lowwater.New(0, offset)
	records := make([]int64, 8192)
	var open []uint64
	b.ReportAllocs()
	next := int64(0)
	for n := 0; n < b.N; {
		if tr.Waiting() == 0 {
			next += int64(len(records))
			tr.Add(records, next, 1<<20)
		}
		first, taken := tr.Take(256)
		for i := range taken {
			open = append(open, first+uint64(i))
		}
		n += len(taken)
		if len(open) >= 4096 {
			for i := range open {
				tr.Ack(open[i^7])
			}
			open = open[:0]
		}
		tr.Low()
	}
}

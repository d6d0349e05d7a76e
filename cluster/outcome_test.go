package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/topology"
	"github.com/waterspout/waterspout/tuple"
)

var errBad = errors.New("bad number")

func sinkOf(f func(int) error) func() bolt.Func[int, bolt.None] {
	return bolt.Sink(func(_ context.Context, v int) error { return f(v) })
}

func TestExhaustedSpoutsEndTheTopology(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook(5000)
		d := topology.New("test")
		s := topology.Spout(d, "src", b.New, topology.Parallelism(3), topology.MaxPending(100))
		var got tally[int]
		m := topology.Bolt(s.By(grouping.Shuffle), "map", bolt.Map(func(_ context.Context, v int) (int, error) { return v, nil }), topology.Parallelism(4))
		topology.Bolt(m.By(grouping.All), "all", got.sink(), topology.Parallelism(2))
		r := start(t, topology.Must(d.Build()), quiet)
		if err := r.Wait(); err != nil {
			t.Fatal(err)
		}
		b.check(t, 5000, 0)
		for v := range 5000 {
			if got.seen[v] != 2 {
				t.Fatalf("value %d came %d times, want 2", v, got.seen[v])
			}
		}
		stats := r.Stats()
		src, mp, all := part(t, stats, "src"), part(t, stats, "map"), part(t, stats, "all")
		if src.Emitted != 5000 || src.Acked != 5000 || src.Failed != 0 || src.Pending != 0 || src.Complete.Max == 0 && src.Tasks != 3 {
			t.Errorf("src: %+v", src)
		}
		if mp.Executed != 5000 || mp.Emitted != 5000 || mp.Acked != 5000 {
			t.Errorf("map: %+v", mp)
		}
		if all.Executed != 10000 || all.Acked != 10000 || all.Queued != 0 {
			t.Errorf("all: %+v", all)
		}
	})
}

func TestErrorFailsTheTree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook(100)
		r := start(t, chain(b, sinkOf(func(v int) error {
			if v == 42 {
				return errBad
			}
			return nil
		})), quiet)
		if err := r.Wait(); err != nil {
			t.Fatal(err)
		}
		b.check(t, 99, 1)
		if f := b.one(t); f.Kind != tuple.Error || f.Component != "work" || f.Text != errBad.Error() {
			t.Errorf("failure %+v", f)
		}
		w, s := part(t, r.Stats(), "work"), part(t, r.Stats(), "src")
		if w.Executed != 100 || w.Acked != 99 || w.Failed != 1 || w.FailedBy[tuple.Error] != 1 || s.FailedBy[tuple.Error] != 1 {
			t.Errorf("work %+v, src %+v", w, s)
		}
	})
}

func TestPanicFailsTheTree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook(100)
		r := start(t, chain(b, sinkOf(func(v int) error {
			if v == 42 {
				panic("boom")
			}
			return nil
		})), quiet)
		if err := r.Wait(); err != nil {
			t.Fatal(err)
		}
		b.check(t, 99, 1)
		f := b.one(t)
		if f.Kind != tuple.Panic || f.Component != "work" || !strings.Contains(f.Text, "boom") || !strings.Contains(f.Text, "outcome_test.go") {
			t.Errorf("failure %+v", f)
		}
		if w := part(t, r.Stats(), "work"); w.Executed != 100 || w.FailedBy[tuple.Panic] != 1 {
			t.Errorf("work %+v", w)
		}
	})
}

func TestPanicsInARowEndTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook(100)
		var calls int
		err := start(t, chain(b, sinkOf(func(int) error { calls++; panic("boom\nbang") })), quiet).Wait()
		var te *cluster.TaskError
		if !errors.As(err, &te) || te.Task.Component != "work" || calls < 16 || strings.Contains(err.Error(), "\n") {
			t.Errorf("after %d calls: %v", calls, err)
		}
		b.check(t, 0, b.emitted)
	})
}

// A record that panics whenever it comes, at its pace, does not end the others.
func TestPanicsOfOneRecordEndNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := topology.New("test")
		replay := spout.Replay(spout.FromSlice([]int{1, 2}), spout.Retry{Backoff: 200 * time.Millisecond, Max: 200 * time.Millisecond, Attempts: 100}, func(int, spout.Failure) {})
		calls := 0
		topology.Bolt(topology.Spout(d, "src", replay).By(grouping.Shuffle), "work", sinkOf(func(v int) error {
			if v == 1 {
				calls++
				panic("boom")
			}
			return nil
		}))
		var j journal
		if err := start(t, topology.Must(d.Build()), j.local()).Wait(); err != nil || calls != 100 {
			t.Errorf("after %d panics: %v", calls, err)
		}
		if n := strings.Count(j.String(), "bolt panicked"); n != 7 || !strings.Contains(j.String(), "outcome_test.go") {
			t.Errorf("the log has %d panics, want the first, second, fourth and so on with their stacks:\n%s", n, j.String())
		}
	})
}

// What fails is told, at once and then in sums: it may be replayed for ever, or be gone.
func TestFailuresAreTold(t *testing.T) {
	for tracked, line := range map[bool]string{true: "trees failed", false: "no spout tracks"} {
		synctest.Test(t, func(t *testing.T) {
			d := topology.New("test")
			paced := spout.Of(func(_ context.Context, out *spout.Emitter[int]) error {
				for i := range 25 {
					if tracked {
						out.EmitID(i, uint64(i))
					} else {
						out.Emit(i)
					}
					time.Sleep(time.Second)
				}
				return nil
			})
			topology.Bolt(topology.Spout(d, "src", paced).By(grouping.Shuffle), "work", sinkOf(func(int) error { return errBad }))
			var j journal
			r := start(t, topology.Must(d.Build()), j.local())
			if err := r.Wait(); err != nil {
				t.Fatal(err)
			}
			lines := strings.Count(j.String(), line)
			for _, sum := range []string{"number=1 ", "number=10 ", "number=4 "} {
				if lines != 4 || !strings.Contains(j.String(), sum) || !strings.Contains(j.String(), errBad.Error()) {
					t.Fatalf("the log has %d lines of %s, and not %s:\n%s", lines, line, sum, j.String())
				}
			}
			if s := part(t, r.Stats(), "src"); tracked && s.Detail["last failure"] != "error in work: "+errBad.Error() {
				t.Errorf("src %+v", s)
			}
		})
	}
}

func TestDropAcksAndCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook(10)
		r := start(t, chain(b, sinkOf(func(v int) error { return bolt.Drop(errBad) })), quiet)
		if err := r.Wait(); err != nil {
			t.Fatal(err)
		}
		b.check(t, 10, 0)
		if w := part(t, r.Stats(), "work"); w.Acked != 10 || w.Dropped != 10 || w.Failed != 0 {
			t.Errorf("work %+v", w)
		}
	})
}

func TestRejectTellsItsKind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook(1)
		r := start(t, chain(b, sinkOf(func(v int) error { return bolt.Reject(errBad) })), quiet)
		if err := r.Wait(); err != nil {
			t.Fatal(err)
		}
		if f := b.one(t); f.Kind != tuple.Rejected || f.Text != errBad.Error() {
			t.Errorf("failure %+v", f)
		}
	})
}

func TestFatalEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook(10000)
		err := start(t, chain(b, sinkOf(func(v int) error {
			if v == 500 {
				return bolt.Fatal(errBad)
			}
			return nil
		}), topology.MaxPending(64)), quiet).Wait()
		te, ok := err.(*cluster.TaskError)
		if !ok || te.Task.Component != "work" || !errors.Is(err, errBad) {
			t.Errorf("error %T %v", err, err)
		}
		b.check(t, len(b.acked), b.emitted-len(b.acked))
		for id, fs := range b.failed {
			if k := fs[0].Kind; k != tuple.Shutdown && id != 500 {
				t.Errorf("tree %d failed as %v", id, k)
			}
		}
	})
}

func TestSpoutErrorEndsTheRun(t *testing.T) {
	for _, panics := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			d := topology.New("test")
			s := topology.Spout(d, "src", spout.Of(func(_ context.Context, out *spout.Emitter[int]) error {
				out.EmitID(1, 1)
				if panics {
					panic(errBad.Error())
				}
				return errBad
			}))
			topology.Bolt(s.By(grouping.Shuffle), "work", sinkOf(func(int) error { return nil }))
			err := start(t, topology.Must(d.Build()), quiet).Wait()
			if te, ok := err.(*cluster.TaskError); !ok || te.Task.Component != "src" || !strings.Contains(err.Error(), errBad.Error()) {
				t.Errorf("error %T %v", err, err)
			}
		})
	}
}

// abandon holds inputs and never ends them.
func abandon() bolt.Func[int, bolt.None] {
	return func(_ context.Context, _ int, out *bolt.Collector[bolt.None]) error { out.Hold(); return nil }
}

func TestTimeoutIsExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook(1)
		d := took(func() {
			if err := start(t, chain(b, abandon), quiet).Wait(); err != nil {
				t.Error(err)
			}
		})
		if f := b.one(t); f.Kind != tuple.Timeout || f.Age != 30*time.Second || d != 30*time.Second {
			t.Errorf("after %v: %+v", d, f)
		}
	})
}

// A tree that is slower than its timeout lives as long as each task says in time that
// it has done its part, also where a tuple becomes one other tuple (E4, O4), and where it
// was quick and waits behind one that is not. The tasks are quick at first, so that the
// last tuples, which come together, do not leave at once.
func TestSlowTaskShowsLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook(0)
		b.emitted = 5
		d := topology.New("test")
		s := topology.Spout(d, "src", func() *emitting {
			return &emitting{b.New(), func(out *spout.Emitter[int]) {
				for wave := range 2 {
					out.EmitEach(2, func(i int, v *int) (uint64, bool) { *v = 2*wave + i; return uint64(*v), true })
					time.Sleep(time.Second)
				}
				out.EmitID(4, 4) // it comes while the one before it sleeps
			}}
		})
		for i, naps := range [][]time.Duration{{2: 1, 3: 19}, {3: 15}} {
			s = topology.Bolt(s.By(grouping.Shuffle), fmt.Sprint("step", i), bolt.Map(func(_ context.Context, v int) (int, error) {
				if v < len(naps) {
					time.Sleep(naps[v] * time.Second)
				}
				return v, nil
			}))
		}
		topology.Bolt(s.By(grouping.Shuffle), "end", sinkOf(func(int) error { return nil }))
		if err := start(t, topology.Must(d.Build()), quiet).Wait(); err != nil {
			t.Error(err)
		}
		b.check(t, 5, 0)
	})
}

func TestReplayAfterTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := topology.New("test")
		s := topology.Spout(d, "src", spout.Replay(spout.FromSlice([]int{7}), spout.Retry{Backoff: time.Second, Max: time.Second}, nil))
		began := time.Now()
		var calls []time.Duration
		topology.Bolt(s.By(grouping.Shuffle), "work", bolt.Of(func(_ context.Context, v int, out *bolt.Collector[bolt.None]) error {
			if calls = append(calls, time.Since(began)); len(calls) == 1 {
				out.Hold()
			}
			return nil
		}))
		if err := start(t, topology.Must(d.Build()), quiet).Wait(); err != nil {
			t.Fatal(err)
		}
		// The backoff has jitter over its second half.
		if len(calls) != 2 || calls[0] != 0 || calls[1] < 30500*time.Millisecond || calls[1] > 31*time.Second {
			t.Errorf("executed at %v", calls)
		}
	})
}

// TestReplayTellsErrorsAtOnce: what a wrapped spout returns does not wait until a replay,
// which waits for room, has got it.
func TestReplayTellsErrorsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := topology.New("test")
		inner := spout.Of(func(ctx context.Context, out *spout.Emitter[int]) error {
			out.EmitID(1, 1) // fails
			out.EmitID(2, 2) // takes the room that this makes, and is held
			time.Sleep(5 * time.Second)
			return errBad
		})
		retry := spout.Retry{Backoff: time.Second, Max: time.Second}
		s := topology.Spout(d, "src", spout.Replay(spout.Replay(inner, retry, nil), retry, nil), topology.MaxPending(1))
		topology.Bolt(s.By(grouping.Shuffle), "work", bolt.Of(func(_ context.Context, v int, out *bolt.Collector[bolt.None]) error {
			if v == 1 {
				return errors.New("once more")
			}
			out.Hold()
			return nil
		}))
		var err error
		if d := took(func() { err = start(t, topology.Must(d.Build()), quiet).Wait() }); d != 5*time.Second || !errors.Is(err, errBad) {
			t.Errorf("after %v: %v", d, err)
		}
	})
}

// O1: a stage that serves 300/s behind 2,048 pending and a timeout of half a
// second dies without halving: every tree times out just before its turn, and
// would even with ten times the timeout (O3).
func TestTimeoutsDoNotLivelock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := topology.New("test")
		n := 9000
		vs := make([]int, n)
		for i := range vs {
			vs[i] = i
		}
		s := topology.Spout(d, "src", spout.Replay(spout.FromSlice(vs), spout.Retry{}, nil), topology.MaxPending(2048), topology.Timeout(time.Second/2))
		topology.Bolt(s.By(grouping.Shuffle), "work", sinkOf(func(int) error { time.Sleep(time.Second / 300); return nil }))
		r := start(t, topology.Must(d.Build()), quiet)
		done := make(chan time.Duration, 1)
		go func() { done <- took(func() { r.Wait() }) }()
		time.Sleep(time.Second)
		if w := part(t, r.Stats(), "src").Window; w > 1024 {
			t.Errorf("after the first timeouts the window is %d of 2048", w)
		}
		select {
		case d := <-done:
			if src := part(t, r.Stats(), "src"); src.FailedBy[tuple.Timeout] == 0 {
				t.Errorf("nothing timed out in %v: the test proves nothing", d)
			} else if d > 90*time.Second {
				t.Errorf("took %v for 30 s of work, %d trees timed out", d, src.FailedBy[tuple.Timeout])
			}
		case <-time.After(10 * time.Minute):
			s := part(t, r.Stats(), "src")
			r.Abort(errors.New("livelock"))
			<-done
			t.Errorf("livelock: %d of %d acked, %d timed out, window %d", s.Acked, n, s.FailedBy[tuple.Timeout], s.Window)
		}
	})
}

func TestLateAckDoesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook(1)
		b.wait = true
		held := make(chan bolt.Held, 1)
		r := start(t, chain(b, bolt.Of(func(_ context.Context, _ int, out *bolt.Collector[bolt.None]) error {
			held <- out.Hold()
			return nil
		})), quiet)
		h := <-held
		time.Sleep(31 * time.Second)
		h.Ack()
		synctest.Wait()
		if w := part(t, r.Stats(), "work"); w.Held != 0 || w.Acked != 1 {
			t.Errorf("work %+v", w)
		}
		if err := r.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		b.check(t, 0, 1)
	})
}

func TestUntrackedIsDoneWhenEmitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook(1000)
		r := start(t, chain(b, sinkOf(func(v int) error {
			if v%2 == 0 {
				return errBad
			}
			return nil
		}), topology.Untracked()), quiet)
		if err := r.Wait(); err != nil {
			t.Fatal(err)
		}
		b.check(t, 1000, 0)
		if w := part(t, r.Stats(), "work"); w.Executed != 1000 || w.Failed != 500 {
			t.Errorf("work %+v", w)
		}
	})
}

package cluster_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/topology"
	"github.com/waterspout/waterspout/transport/inproc"
	"github.com/waterspout/waterspout/tuple"
)

func TestContextEndDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook(1 << 30)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := cluster.Run(ctx, chain(b, sinkOf(func(int) error { time.Sleep(10 * time.Millisecond); return nil }), topology.MaxPending(100)), quiet)
		if err != nil {
			t.Error(err)
		}
		b.check(t, b.emitted, 0)
		if b.emitted < 5000 {
			t.Errorf("emitted %d", b.emitted)
		}
	})
}

func TestMaxPendingIsExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook(100)
		b.wait = true
		var j journal
		mode := j.local()
		r := start(t, chain(b, abandon, topology.MaxPending(7), topology.Timeout(time.Hour)), mode)
		time.Sleep(20 * time.Second)
		s, w := part(t, r.Stats(), "src"), part(t, r.Stats(), "work")
		if s.Pending != 7 || w.Executed != 7 || w.Held != 7 || b.emitted != 7 {
			t.Errorf("src %+v work %+v emitted %d", s, w, b.emitted)
		}
		for _, want := range []string{"max pending is full and nothing was acked", "pending=7", `"holding component"=work`, "held=7", "component=src"} {
			if !strings.Contains(j.String(), want) {
				t.Errorf("the log misses %q:\n%s", want, j.String())
			}
		}
		var abandoned *cluster.AbandonedError
		if err := r.Drain(context.Background()); !errors.As(err, &abandoned) || abandoned.Open != 7 {
			t.Errorf("Drain: %v", err)
		}
		b.check(t, 0, 7)
		if b.failed[0][0].Kind != tuple.Shutdown {
			t.Errorf("failure %v", b.failed[0][0])
		}
	})
}

func TestDrainIsBoundedByTheGrace(t *testing.T) {
	for _, spouts := range [][]topology.SpoutOption{nil, {topology.Untracked()}} {
		for _, after := range []time.Duration{time.Second, time.Minute} {
			synctest.Test(t, func(t *testing.T) {
				b := newBook(1) // exhausted at once: the run is in its last phases when it drains
				var j journal
				release := make(chan struct{})
				r := start(t, chain(b, sinkOf(func(int) error { <-release; return nil }), append(spouts, topology.Timeout(time.Hour))...), j.local())
				time.Sleep(after)
				var err error
				d := took(func() { err = r.Drain(context.Background()) })
				if err == nil || !strings.Contains(err.Error(), "work/0 did not return from Execute") {
					t.Errorf("Drain: %v", err)
				}
				if d < cluster.DefaultGrace || d > cluster.DefaultGrace+2*time.Second {
					t.Errorf("the drain took %v", d)
				}
				if after == time.Minute && (!strings.Contains(j.String(), "bolt does not return") || !strings.Contains(j.String(), "component=work")) {
					t.Errorf("the watchdog was silent:\n%s", j.String())
				}
				close(release)
			})
		}
	}
}

func TestDrainGraceBeginsWithTheDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook(1)
		r := start(t, chain(b, sinkOf(func(int) error { time.Sleep(25 * time.Second); return nil })), quiet)
		time.Sleep(20 * time.Second) // longer than the grace
		if err := r.Drain(context.Background()); err != nil {
			t.Error(err)
		}
		b.check(t, 1, 0)
	})
}

func TestSpoutThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := topology.New("test")
		release := make(chan struct{})
		s := topology.Spout(d, "src", spout.Of(func(context.Context, *spout.Emitter[int]) error { <-release; return nil }))
		topology.Bolt(s.By(grouping.Shuffle), "work", sinkOf(func(int) error { return nil }))
		err := start(t, topology.Must(d.Build()), quiet).Drain(context.Background())
		if err == nil || !strings.Contains(err.Error(), "src/0 did not return from Run") {
			t.Error(err)
		}
		close(release)
	})
}

func TestAbortWhileAllIsBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook(1 << 20)
		d := topology.New("test")
		s := topology.Spout(d, "src", b.New, topology.Parallelism(2), topology.MaxPending(1<<20), topology.Timeout(time.Hour))
		in := s.By(grouping.Shuffle)
		for _, name := range []string{"a", "b", "c"} {
			in = topology.Bolt(in, name, bolt.Map(func(_ context.Context, v int) (int, error) { return v, nil }), topology.Parallelism(2)).By(grouping.Shuffle)
		}
		topology.Bolt(in, "stop", bolt.Sink(func(ctx context.Context, v int) error { <-ctx.Done(); return ctx.Err() }))
		r := start(t, topology.Must(d.Build()), quiet)
		time.Sleep(time.Minute)
		r.Abort(errBad)
		r.Abort(errors.New("second"))
		if err := r.Wait(); !errors.Is(err, errBad) {
			t.Errorf("Wait: %v", err)
		}
		b.check(t, 0, b.emitted)
		r.Abort(errors.New("after the end"))
		if err := r.Drain(t.Context()); !errors.Is(err, errBad) {
			t.Errorf("Drain after the end: %v", err)
		}
	})
}

// An opener counts what was opened and closed.
type opener struct {
	err            error
	opened, closed *atomic.Int64
}

func (o opener) Open(ctx context.Context, _ bolt.Task) error {
	if o.err != nil {
		return o.err
	}
	o.opened.Add(1)
	return nil
}
func (o opener) Close() error                                             { o.closed.Add(1); return nil }
func (o opener) Execute(context.Context, int, *bolt.Collector[int]) error { return nil }

func TestOpenErrorsAreJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var opened, closed atomic.Int64
		b := newBook(10)
		d := topology.New("test")
		in := topology.Spout(d, "src", b.New).By(grouping.Shuffle)
		for name, err := range map[string]error{"good": nil, "one": errors.New("error one"), "two": errors.New("error two")} {
			topology.Bolt(in, name, func() *opener { return &opener{err, &opened, &closed} }, topology.Parallelism(3))
		}
		_, err := cluster.Start(t.Context(), topology.Must(d.Build()), quiet)
		var te *cluster.TaskError
		if !errors.As(err, &te) || !strings.Contains(err.Error(), "error one") || !strings.Contains(err.Error(), "error two") || strings.Count(err.Error(), "error") != 2 {
			t.Errorf("Start: %v", err)
		}
		if opened.Load() != 3 || closed.Load() < 3 || b.emitted != 0 {
			t.Errorf("opened %d, closed %d, emitted %d", opened.Load(), closed.Load(), b.emitted)
		}
	})
}

type slowOpen struct{ bolt.Func[int, int] }

func (slowOpen) Open(ctx context.Context, _ bolt.Task) error { <-ctx.Done(); return ctx.Err() }

func TestContextEndsDuringOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if err := cluster.Run(ctx, chain(newBook(1), func() slowOpen { return slowOpen{} }), quiet); err != nil {
			t.Errorf("Run: %v", err)
		}
		if _, err := cluster.Start(ctx, chain(newBook(1), func() slowOpen { return slowOpen{} }), quiet); err == nil {
			t.Error("Start: no error")
		}
	})
}

func TestOneObjectForTwoTasks(t *testing.T) {
	one := new(pairs)
	d := topology.New("test")
	topology.Bolt(topology.Spout(d, "src", newBook(1).New).By(grouping.Shuffle), "join", func() *pairs { return one }, topology.Parallelism(2))
	if _, err := cluster.Start(t.Context(), topology.Must(d.Build()), quiet); err == nil || !strings.Contains(err.Error(), "the same object") {
		t.Errorf("Start: %v", err)
	}
}

func TestUserCodeThatPanicsAtStart(t *testing.T) {
	for name, group := range map[string]grouping.Grouping[int]{
		"panics":  func(grouping.Targets) grouping.Chooser[int] { panic("no") },
		"returns": func(grouping.Targets) grouping.Chooser[int] { return nil },
	} {
		d := topology.New("test")
		topology.Bolt(topology.Spout(d, "src", newBook(1).New).By(group), "work", sinkOf(func(int) error { return nil }))
		if _, err := cluster.Start(t.Context(), topology.Must(d.Build()), quiet); err == nil || !strings.Contains(err.Error(), "src") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, worker := range []bool{false, true} {
		j := &journal{}
		mode := cluster.Mode(j.local())
		if worker {
			mode = j.worker(inproc.New(), "a")
		}
		d := topology.New("test")
		topology.Bolt(topology.Spout(d, "src", newBook(1).New).By(grouping.Shuffle), "work", func() *pairs { panic("con\nstructor") })
		_, err := cluster.Start(t.Context(), topology.Must(d.Build()), mode)
		if err == nil || !strings.Contains(err.Error(), "work") || !strings.Contains(err.Error(), ": panic: con; structor") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%T: %v", mode, err)
		}
		if !strings.Contains(j.String(), "life_test.go") {
			t.Errorf("%T: the log does not say where:\n%s", mode, j)
		}
	}
	d := topology.New("test")
	topology.Bolt(topology.Spout(d, "src", newBook(1).New).By(grouping.Shuffle), "work", func() everyPanics { return everyPanics{} })
	if _, err := cluster.Start(t.Context(), topology.Must(d.Build()), quiet); err == nil || !strings.Contains(err.Error(), "every") {
		t.Errorf("%v", err)
	}
}

type everyPanics struct{ goer }

func (everyPanics) Every() time.Duration { panic("every") }

func TestTwoRunsOfOneTopology(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got tally[int]
		d := topology.New("test")
		topology.Bolt(topology.Spout(d, "src", spout.FromSlice([]int{1, 2, 3})).By(grouping.Shuffle), "sink", got.sink(), topology.Parallelism(2))
		topo := topology.Must(d.Build())
		a, b := start(t, topo, quiet), start(t, topo, quiet)
		if err := errors.Join(a.Wait(), b.Wait()); err != nil || got.seen[2] != 2 {
			t.Errorf("%v, got %v", err, got.seen)
		}
	})
}

func TestOneTupleArrivesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook(1)
		b.wait = true
		d := topology.New("test")
		m := topology.Bolt(topology.Spout(d, "src", b.New).By(grouping.Shuffle), "map", bolt.Map(func(_ context.Context, v int) (int, error) { return v, nil }))
		began, at := time.Now(), time.Duration(-1)
		topology.Bolt(m.By(grouping.Shuffle), "sink", sinkOf(func(int) error { at = time.Since(began); return nil }))
		r := start(t, topology.Must(d.Build()), quiet)
		synctest.Wait()
		if at != 0 || part(t, r.Stats(), "src").Acked != 1 {
			t.Errorf("arrived after %v, src %+v", at, part(t, r.Stats(), "src"))
		}
		if err := r.Drain(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestSlowTupleDoesNotDelayTheFastOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook(2000)
		d := topology.New("test")
		m := topology.Bolt(topology.Spout(d, "src", b.New).By(grouping.Shuffle), "map", bolt.Map(func(_ context.Context, v int) (int, error) {
			if v >= 1000 && v < 1200 {
				time.Sleep(50 * time.Millisecond)
			}
			return v, nil
		}))
		var worst time.Duration
		last := time.Now()
		topology.Bolt(m.By(grouping.Shuffle), "sink", sinkOf(func(int) error {
			worst, last = max(worst, time.Since(last)), time.Now()
			return nil
		}))
		if err := start(t, topology.Must(d.Build()), quiet).Wait(); err != nil {
			t.Error(err)
		}
		// A jump in the cost is seen after 16 tuples at most, and then at once.
		if worst > time.Second {
			t.Errorf("outputs waited for %v, although no tuple takes more than 50 ms", worst)
		}
	})
}

func TestShuffleSpreadsSlowWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := topology.New("test")
		topology.Bolt(topology.Spout(d, "src", newBook(100).New).By(grouping.Shuffle), "work", sinkOf(func(int) error { time.Sleep(50 * time.Millisecond); return nil }), topology.Parallelism(10))
		elapsed := took(func() {
			if err := start(t, topology.Must(d.Build()), quiet).Wait(); err != nil {
				t.Error(err)
			}
		})
		if elapsed > 750*time.Millisecond {
			t.Errorf("100 tuples of 50 ms took 10 tasks %v", elapsed)
		}
	})
}

func TestDeepChainDrains(t *testing.T) {
	for _, pending := range []int{1, 3, 255, 4096} {
		synctest.Test(t, func(t *testing.T) {
			b := newBook(3000)
			d := topology.New("test")
			in := topology.Spout(d, "src", b.New, topology.MaxPending(pending)).By(grouping.Shuffle)
			for i := range 12 {
				in = topology.Bolt(in, "b"+string(rune('a'+i)), bolt.Map(func(_ context.Context, v int) (int, error) { return v, nil })).By(grouping.Shuffle)
			}
			topology.Bolt(in, "last", sinkOf(func(int) error { time.Sleep(time.Millisecond); return nil }))
			elapsed := took(func() {
				if err := start(t, topology.Must(d.Build()), quiet).Wait(); err != nil {
					t.Error(err)
				}
			})
			b.check(t, 3000, 0)
			if elapsed > 3100*time.Millisecond {
				t.Errorf("max pending %d: 3 s of work took %v", pending, elapsed)
			}
		})
	}
}

func TestOneProcessor(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	b := newBook(20000)
	if err := cluster.Run(t.Context(), chain(b, holding(func(v int, h bolt.Held, out *bolt.Collector[int]) error { h.Ack(); return nil }), topology.Parallelism(4)), quiet); err != nil {
		t.Error(err)
	}
	b.check(t, 20000, 0)
}

// A clock writes down when it was called.
type clock struct {
	began   time.Time
	ticks   []time.Duration
	drained []time.Duration
	seen    int
}

func (c *clock) Every() time.Duration { return 10 * time.Second }
func (c *clock) Execute(context.Context, int, *bolt.Collector[int]) error {
	c.seen++
	return nil
}
func (c *clock) Tick(context.Context, *bolt.Collector[int]) error {
	c.ticks = append(c.ticks, time.Since(c.began))
	return nil
}
func (c *clock) Drained(context.Context, *bolt.Collector[int]) error {
	c.drained = append(c.drained, time.Since(c.began))
	return nil
}

func TestTicksAndDrained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := topology.New("test")
		s := topology.Spout(d, "src", spout.Of(func(ctx context.Context, out *spout.Emitter[int]) error {
			time.Sleep(35 * time.Second)
			out.EmitID(1, 1)
			return nil
		}))
		c := &clock{began: time.Now()}
		topology.Bolt(s.By(grouping.Shuffle), "clock", func() *clock { return c })
		topology.Bolt(s.By(grouping.Shuffle), "slow", sinkOf(func(int) error { time.Sleep(2500 * time.Millisecond); return nil }))
		if err := start(t, topology.Must(d.Build()), quiet).Wait(); err != nil {
			t.Error(err)
		}
		// Every ten seconds; when the spout is exhausted at once and each second
		// until the tree is done; once more at the end.
		want := []time.Duration{10, 20, 30, 35, 36, 37, 37}
		if len(c.ticks) != len(want) {
			t.Fatalf("ticks at %v", c.ticks)
		}
		for i := range want {
			if c.ticks[i].Truncate(time.Second) != want[i]*time.Second {
				t.Errorf("tick %d at %v, want %ds", i, c.ticks[i], want[i])
			}
		}
		if len(c.drained) == 0 || c.drained[0] != 0 || c.seen != 1 {
			t.Errorf("drained at %v", c.drained)
		}
	})
}

func TestWaitReturnsTheCauseItself(t *testing.T) {
	cause := errors.Join(errBad, errors.New("more"))
	b := newBook(1)
	b.wait = true
	r := start(t, chain(b, sinkOf(func(int) error { return nil })), quiet)
	r.Abort(cause)
	if err := r.Wait(); err != cause {
		t.Errorf("Wait: %#v", err)
	}
}

func TestGoexitEndsTheRun(t *testing.T) {
	for _, where := range []string{"Open", "Execute"} {
		t.Run(where, func(t *testing.T) {
			b := topology.New("t")
			in := topology.Spout(b, "in", spout.FromSlice([]int{1, 2, 3}))
			topology.Bolt(in.By(grouping.Shuffle), "quits", func() *quits { return &quits{where} })
			err := cluster.Run(t.Context(), topology.Must(b.Build()), quiet)
			if err == nil || !strings.Contains(err.Error(), "quits/0") || !strings.Contains(err.Error(), "Goexit") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// quits ends its goroutine.
type quits struct{ where string }

func (q *quits) Open(context.Context, bolt.Task) error {
	if q.where == "Open" {
		runtime.Goexit()
	}
	return nil
}

func (q *quits) Execute(context.Context, int, *bolt.Collector[bolt.None]) error {
	runtime.Goexit()
	return nil
}

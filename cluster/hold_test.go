package cluster_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/topology"
	"github.com/waterspout/waterspout/tuple"
)

func holding(f func(v int, h bolt.Held, out *bolt.Collector[int]) error) func() bolt.Func[int, int] {
	return bolt.Of(func(_ context.Context, v int, out *bolt.Collector[int]) error { return f(v, out.Hold(), out) })
}

func TestHeldOutcomes(t *testing.T) {
	for _, c := range []struct {
		name          string
		f             func(v int, h bolt.Held, out *bolt.Collector[int]) error
		acked, failed int
	}{
		{"ack in Execute", func(_ int, h bolt.Held, _ *bolt.Collector[int]) error { h.Ack(); return nil }, 10, 0},
		{"fail in Execute", func(_ int, h bolt.Held, _ *bolt.Collector[int]) error { h.Fail(errBad); return nil }, 0, 10},
		{"error while held", func(int, bolt.Held, *bolt.Collector[int]) error { return errBad }, 0, 10},
		{"ack twice", func(_ int, h bolt.Held, _ *bolt.Collector[int]) error { h.Ack(); h.Ack(); h.Fail(errBad); return nil }, 10, 0},
		{"from a goroutine", func(_ int, h bolt.Held, _ *bolt.Collector[int]) error {
			go func() { time.Sleep(time.Second); h.Ack(); h.Fail(errBad) }()
			return nil
		}, 10, 0},
		{"fail from a goroutine", func(_ int, h bolt.Held, _ *bolt.Collector[int]) error {
			go func() { h.Fail(errBad); h.Ack() }()
			return nil
		}, 0, 10},
		{"emit, then ack from a goroutine", func(v int, h bolt.Held, out *bolt.Collector[int]) error {
			out.Emit(v)
			out.Emit(v, h)
			go h.Ack()
			return nil
		}, 10, 0},
		{"emit after ack", func(v int, h bolt.Held, out *bolt.Collector[int]) error {
			h.Ack()
			out.Emit(v)
			return nil
		}, 0, 10},
		{"panic while held", func(v int, h bolt.Held, out *bolt.Collector[int]) error { panic("boom") }, 0, 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBook(10)
				d := topology.New("test")
				s := topology.Spout(d, "src", b.New)
				w := topology.Bolt(s.By(grouping.Shuffle), "work", holding(c.f))
				var got tally[int]
				topology.Bolt(w.By(grouping.Shuffle), "sink", got.sink())
				r := start(t, topology.Must(d.Build()), quiet)
				if err := r.Wait(); err != nil {
					t.Fatal(err)
				}
				b.check(t, c.acked, c.failed)
				if w := part(t, r.Stats(), "work"); w.Held != 0 || int(w.Acked) != c.acked || int(w.Failed) != c.failed || w.Executed != 10 {
					t.Errorf("work %+v", w)
				}
				for _, fs := range b.failed {
					if fs[0].Kind == tuple.Timeout {
						t.Errorf("a tree timed out: %v", fs[0])
					}
				}
				if c.name == "emit after ack" && len(got.seen) > 0 {
					t.Errorf("sent after the ack: %v", got.seen)
				}
			})
		})
	}
}

func TestManySettleAtOnce(t *testing.T) {
	b := newBook(5000)
	r := start(t, chain(b, holding(func(v int, h bolt.Held, out *bolt.Collector[int]) error {
		var g sync.WaitGroup
		g.Go(h.Ack)
		g.Go(func() { h.Fail(errBad) })
		out.Hold()
		if v%100 == 0 {
			g.Wait()
		}
		return nil
	})), quiet)
	if err := r.Wait(); err != nil {
		t.Fatal(err)
	}
	b.check(t, len(b.acked), len(b.failed))
}

// pairs joins every two inputs.
type pairs struct {
	value int
	held  bolt.Held
	have  bool
}

func (p *pairs) Execute(_ context.Context, v int, out *bolt.Collector[[2]int]) error {
	if !p.have {
		p.value, p.held, p.have = v, out.Hold(), true
		return nil
	}
	p.have = false
	out.Emit([2]int{p.value, v}, p.held)
	p.held.Ack()
	return nil
}

func TestJoinAnchorsBothRoots(t *testing.T) {
	for _, fail := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			l, r := newBook(50), newBook(50)
			d := topology.New("test")
			ls := topology.Spout(d, "left", l.New)
			rs := topology.Spout(d, "right", r.New)
			j := topology.Bolt(topology.Merge(ls.By(grouping.Global), rs.By(grouping.Global)), "join", func() *pairs { return new(pairs) })
			k := topology.Bolt(j.By(grouping.Shuffle), "pass", bolt.Map(func(_ context.Context, v [2]int) ([2]int, error) { return v, nil }))
			topology.Bolt(k.By(grouping.All), "sink", bolt.Sink(func(_ context.Context, v [2]int) error {
				if fail {
					return errBad
				}
				return nil
			}), topology.Parallelism(2))
			if err := start(t, topology.Must(d.Build()), quiet).Wait(); err != nil {
				t.Fatal(err)
			}
			if fail {
				l.check(t, 0, 50)
				r.check(t, 0, 50)
			} else {
				l.check(t, 50, 0)
				r.check(t, 50, 0)
			}
		})
	}
}

func TestEitherReadsTwoTypes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := topology.New("test")
		ns := topology.Spout(d, "numbers", spout.FromSlice([]int{1, 2, 3}))
		ws := topology.Spout(d, "words", spout.FromSlice([]string{"a", "b"}))
		var left tally[int]
		var right tally[string]
		topology.Bolt(topology.Either(ns.By(grouping.Shuffle), ws.By(grouping.All)), "both", bolt.Sink(func(_ context.Context, v bolt.Either[int, string]) error {
			if v.IsRight {
				right.add(v.Right)
			} else {
				left.add(v.Left)
			}
			return nil
		}), topology.Parallelism(2))
		if err := start(t, topology.Must(d.Build()), quiet).Wait(); err != nil {
			t.Fatal(err)
		}
		if len(left.seen) != 3 || len(right.seen) != 2 || right.seen["a"] != 2 {
			t.Errorf("left %v right %v", left.seen, right.seen)
		}
	})
}

func TestMapPanicFailsItsTuple(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook(10)
		d := topology.New("test")
		s := topology.Spout(d, "src", b.New)
		var got tally[string]
		in := topology.Map(s.By(grouping.Shuffle), func(v int) string {
			if v == 3 {
				panic("three")
			}
			return strings.Repeat("x", v)
		})
		topology.Bolt(in, "work", got.sink())
		if err := start(t, topology.Must(d.Build()), quiet).Wait(); err != nil {
			t.Fatal(err)
		}
		b.check(t, 9, 1)
		if f := b.one(t); f.Kind != tuple.Panic || f.Component != "work" || len(got.seen) != 9 {
			t.Errorf("%+v, got %v", f, got.seen)
		}
	})
}

func TestAsync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook(100)
		d := topology.New("test")
		s := topology.Spout(d, "src", b.New)
		var now, most atomic.Int64
		a := topology.Bolt(s.By(grouping.Shuffle), "call", bolt.Async(10, func(_ context.Context, v int) (int, error) {
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			time.Sleep(50 * time.Millisecond)
			switch v {
			case 7:
				panic("seven")
			case 8:
				return 0, errBad
			}
			return v, nil
		}))
		var got tally[int]
		topology.Bolt(a.By(grouping.Shuffle), "sink", got.sink())
		r := start(t, topology.Must(d.Build()), quiet)
		elapsed := took(func() {
			if err := r.Wait(); err != nil {
				t.Error(err)
			}
		})
		b.check(t, 98, 2)
		if most.Load() != 10 || elapsed != 500*time.Millisecond || len(got.seen) != 98 {
			t.Errorf("%d at once, took %v, %d results", most.Load(), elapsed, len(got.seen))
		}
		if c := part(t, r.Stats(), "call"); c.FailedBy[tuple.Panic] != 1 || c.FailedBy[tuple.Error] != 1 || c.Acked != 98 {
			t.Errorf("call %+v", c)
		}
	})
}

// A goer starts a goroutine from its ticks, the last one included.
type goer struct{ got *tally[string] }

func (g goer) Execute(context.Context, int, *bolt.Collector[string]) error { return nil }
func (g goer) Every() time.Duration                                        { return time.Hour }
func (g goer) Tick(_ context.Context, out *bolt.Collector[string]) error {
	out.Go(func(context.Context) func(*bolt.Collector[string]) error {
		time.Sleep(time.Second)
		return func(out *bolt.Collector[string]) error { out.Emit("tick"); g.got.add("tick"); return nil }
	})
	return nil
}

func TestGoFromTick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook(1)
		d := topology.New("test")
		s := topology.Spout(d, "src", b.New)
		var got, read tally[string]
		w := topology.Bolt(s.By(grouping.Shuffle), "work", func() goer { return goer{&got} })
		topology.Bolt(w.By(grouping.Shuffle), "sink", read.sink())
		if err := start(t, topology.Must(d.Build()), quiet).Wait(); err != nil {
			t.Fatal(err)
		}
		if got.seen["tick"] == 0 || read.seen["tick"] != got.seen["tick"] {
			t.Errorf("results handled %d, read %d", got.seen["tick"], read.seen["tick"])
		}
	})
}

package engine

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
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/tuple"
)

// TestMovesWhileItOpens: a task that is placed elsewhere while it opens here gets
// nothing any more, and what was on its way to it goes on.
func TestMovesWhileItOpens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newTap()
		release := make(chan struct{})
		var opened, executed [3]atomic.Int64 // by instance
		var instance atomic.Int64
		h := newHall(t, pipe(src, 1, func() bolt.Bolt[item, item] {
			i := instance.Add(1)
			return &handy{
				open: func(context.Context, bolt.Task) error {
					if opened[i].Add(1); i == 1 {
						<-release
					}
					return nil
				},
				execute: func(context.Context, item, *bolt.Collector[item]) error { executed[i].Add(1); return nil },
			}
		}), "a", "b")
		a, b := h.wings["a"], h.wings["b"]
		h.place(0, "a")
		w := h.place(1, "a")
		src.feed <- item{N: 1}
		pass(time.Second)
		if a.at(w) != Opening || executed[1].Load() != 0 {
			t.Errorf("stage %d, executed %d", a.at(w), executed[1].Load())
		}
		h.place(1, "b")
		pass(time.Second)
		if acked, _ := src.settled(); acked != 1 || executed[2].Load() != 1 {
			t.Errorf("acked %d, executed elsewhere %d", acked, executed[2].Load())
		}
		close(release)
		synctest.Wait()
		src.feed <- item{N: 2}
		pass(time.Second)
		if executed[1].Load() != 0 || executed[2].Load() != 2 || a.at(w) != Working || !a.Idle(w) {
			t.Errorf("executed %d and %d, stage %d", executed[1].Load(), executed[2].Load(), a.at(w))
		}
		a.HangUp(w)
		synctest.Wait()
		if a.at(w) != -1 || b.Failed() != nil {
			t.Errorf("stage %d, %v", a.at(w), b.Failed())
		}
		for name, err := range h.close(nil) {
			t.Errorf("%s: %v", name, err)
		}
	})
}

// TestHangUpEmptiesTheInbox: what is queued is executed before the task ends, from
// here and from elsewhere.
func TestHangUpEmptiesTheInbox(t *testing.T) {
	for _, at := range []string{"a", "b"} {
		synctest.Test(t, func(t *testing.T) {
			src := newTap()
			h := newHall(t, pipe(src, 1, do(func(context.Context, item, *bolt.Collector[item]) error {
				time.Sleep(100 * time.Millisecond)
				return nil
			})), "a", "b")
			h.place(0, "a")
			w := h.place(1, at)
			for n := range 20 {
				src.feed <- item{N: n}
			}
			synctest.Wait()
			if h.wings[at].Idle(w) {
				t.Error("it is idle")
			}
			h.wings[at].HangUp(w)
			pass(time.Second)
			if h.wings[at].at(w) != Working {
				t.Errorf("stage %d while it works", h.wings[at].at(w))
			}
			pass(2 * time.Second)
			if acked, failed := src.settled(); acked != 20 || failed != 0 || h.wings[at].at(w) != -1 {
				t.Errorf("on %s: acked %d, failed %d, stage %d", at, acked, failed, h.wings[at].at(w))
			}
			for name, err := range h.close(nil) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

// TestCutSpout: the trees that are open then are told as the end.
func TestCutSpout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newTap()
		h := newHall(t, pipe(src, 1, do(func(_ context.Context, _ item, out *bolt.Collector[item]) error { out.Hold(); return nil })), "a", "b")
		s := h.place(0, "a")
		h.place(1, "b")
		src.feed <- item{N: 1}
		pass(time.Second)
		a := h.wings["a"]
		a.Stop(s)
		pass(time.Second)
		if a.at(s) != Working || a.Open() != 1 {
			t.Errorf("stage %d with %d open", a.at(s), a.Open())
		}
		a.Cut(s)
		synctest.Wait()
		if why := src.one(t, 1); why.Kind != tuple.Shutdown || a.at(s) != -1 || src.moves != 0 || src.closed != 1 {
			t.Errorf("failure %v, stage %d, moved %d, closed %d times", why, a.at(s), src.moves, src.closed)
		}
		for name, err := range h.close(nil) {
			t.Errorf("%s: %v", name, err)
		}
	})
}

// TestForsake: a worker was lost, so every tree fails, once, and those of later are
// none of it (L8).
func TestForsake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newTap()
		var held []bolt.Held
		h := newHall(t, pipe(src, 1, do(func(_ context.Context, v item, out *bolt.Collector[item]) error {
			if v.N < 10 {
				held = append(held, out.Hold())
			}
			return nil
		})), "a", "b")
		h.place(0, "a")
		h.place(1, "b")
		for n := range 10 {
			src.feed <- item{N: n}
		}
		pass(time.Second)
		h.wings["a"].Forsake()
		synctest.Wait()
		for n := range 10 {
			if why := src.one(t, n); why.Kind != tuple.Lost || why.Age != time.Second {
				t.Errorf("item %d: %v after %v", n, why, why.Age)
			}
		}
		tuple.AckAll(held)
		src.feed <- item{N: 10}
		pass(time.Second)
		if acked, failed := src.settled(); acked != 1 || failed != 10 {
			t.Errorf("acked %d, failed %d", acked, failed)
		}
		for name, err := range h.close(nil) {
			t.Errorf("%s: %v", name, err)
		}
	})
}

// TestSuspend: a suspended spout emits nothing, until it goes on; one that is stopped
// meanwhile ends.
func TestSuspend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newTap()
		h := newHall(t, pipe(src, 1, do(okay)), "a")
		a := h.wings["a"]
		s := h.place(0, "a")
		h.place(1, "a")
		src.feed <- item{N: 0}
		pass(time.Second)
		a.Suspend(true)
		src.feed <- item{N: 1} // it has that in its hand
		pass(time.Hour)
		if acked, _ := src.settled(); acked != 1 || a.Open() != 0 {
			t.Errorf("acked %d, %d open while suspended", acked, a.Open())
		}
		a.Suspend(false)
		pass(time.Second)
		if acked, _ := src.settled(); acked != 2 {
			t.Errorf("acked %d after it", acked)
		}
		a.Suspend(true)
		src.feed <- item{N: 2}
		a.Stop(s)
		synctest.Wait()
		if a.at(s) != Settled {
			t.Errorf("stage %d", a.at(s))
		}
		for name, err := range h.close(nil) {
			t.Errorf("%s: %v", name, err)
		}
		if acked, failed := src.settled(); acked != 2 || failed != 0 {
			t.Errorf("acked %d, failed %d", acked, failed)
		}
	})
}

// TestFailureEndsTheSite: whatever goes wrong in a task ends the site with an error
// that names it, and nothing is left behind.
func TestFailureEndsTheSite(t *testing.T) {
	boom := errors.New("boom")
	bolts := map[string]handy{
		"Open fails":       {open: func(context.Context, bolt.Task) error { return boom }},
		"Open panics":      {open: func(context.Context, bolt.Task) error { panic("boom") }},
		"Open exits":       {open: func(context.Context, bolt.Task) error { runtime.Goexit(); return nil }},
		"Execute is fatal": {execute: func(context.Context, item, *bolt.Collector[item]) error { return bolt.Fatal(boom) }},
		"Execute exits":    {execute: func(context.Context, item, *bolt.Collector[item]) error { runtime.Goexit(); return nil }},
		"Close exits": {execute: func(context.Context, item, *bolt.Collector[item]) error { return bolt.Fatal(boom) },
			close: func() error { runtime.Goexit(); return nil }},
	}
	for name, b := range bolts {
		synctest.Test(t, func(t *testing.T) {
			src := newTap()
			h := newHall(t, pipe(src, 1, func() bolt.Bolt[item, item] { return &b }), "a")
			a := h.wings["a"]
			h.place(0, "a")
			h.place(1, "a")
			fed := false
			select {
			case src.feed <- item{N: 1}:
				fed = true
			case <-time.After(time.Second): // the site has ended before
			}
			pass(time.Second)
			te, ok := errors.AsType[*tuple.TaskError](a.Failed())
			if !ok || te.Task.Component != "work" || !strings.Contains(te.Error(), "boom") && !errors.Is(te, errGoexit) {
				t.Errorf("%s: %v", name, a.Failed())
			}
			for _, err := range h.close(a.Failed()) {
				t.Errorf("%s: %v", name, err)
			}
			if !fed {
				return
			}
			if why := src.one(t, 1); why.Kind != tuple.Shutdown && why.Kind != tuple.Error && why.Kind != tuple.Lost {
				t.Errorf("%s: failure %v", name, why)
			}
		})
	}
}

// A wild spout does what its functions say.
type wild struct {
	run    func(out *spout.Emitter[item]) error
	answer func()
	least  int64 // of answers
	told   *atomic.Int64
}

func (w wild) Run(_ context.Context, out *spout.Emitter[item]) error { return w.run(out) }
func (w wild) Ack(uint64)                                            { w.told.Add(1); w.answer() }
func (w wild) Fail(uint64, tuple.Failure)                            { w.told.Add(1); w.answer() }

// TestFailureOfASpoutEndsTheSite: the same of a spout, whose trees are answered all the
// same.
func TestFailureOfASpoutEndsTheSite(t *testing.T) {
	emit := func(out *spout.Emitter[item]) {
		for n := range 10 {
			out.EmitID(item{N: n}, uint64(n))
		}
	}
	nothing := func() {}
	for name, w := range map[string]wild{
		"Run fails":  {run: func(out *spout.Emitter[item]) error { emit(out); return errors.New("boom") }, answer: nothing, least: 10},
		"Run panics": {run: func(out *spout.Emitter[item]) error { emit(out); panic("boom") }, answer: nothing, least: 10},
		"Run exits":  {run: func(out *spout.Emitter[item]) error { emit(out); runtime.Goexit(); return nil }, answer: nothing, least: 10},
		"Ack panics": {run: func(out *spout.Emitter[item]) error { emit(out); return nil }, answer: func() { panic("boom") }, least: 2},
		"Ack exits":  {run: func(out *spout.Emitter[item]) error { emit(out); return nil }, answer: runtime.Goexit, least: 2},
		"both exit":  {run: func(out *spout.Emitter[item]) error { emit(out); runtime.Goexit(); return nil }, answer: runtime.Goexit, least: 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			w.told = &atomic.Int64{}
			src := &Node{Name: "src", Parallelism: 1, MaxPending: 100, Timeout: time.Hour}
			out := DeclareSpout(src, func() spout.Spout[item] { return w })
			out.SetCodec(touchy{})
			work := &Node{Name: "work", Parallelism: 1}
			DeclareBolt(work, []Source[item]{From(out, "shuffle", groupingFirst)}, do(func(_ context.Context, v item, out *bolt.Collector[item]) error {
				if v.N > 0 {
					out.Hold() // until the end
				}
				return nil
			})).SetCodec(touchy{})
			h := newHall(t, []*Node{src, work}, "a")
			a := h.wings["a"]
			h.place(0, "a")
			h.place(1, "a")
			pass(time.Second)
			te, ok := errors.AsType[*tuple.TaskError](a.Failed())
			if !ok || te.Task.Component != "src" || !strings.Contains(te.Error(), "boom") && !errors.Is(te, errGoexit) {
				t.Errorf("%s: %v", name, a.Failed())
			}
			for _, err := range h.close(a.Failed()) {
				t.Errorf("%s: %v", name, err)
			}
			if told := w.told.Load(); told < w.least {
				t.Errorf("%s: %d answers", name, told)
			}
		})
	}
}

// TestCloseNamesWhoStays: user code that does not return is named, and not waited for
// longer than the grace.
func TestCloseNamesWhoStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newTap()
		release := make(chan struct{})
		h := newHall(t, pipe(src, 1, do(func(context.Context, item, *bolt.Collector[item]) error { <-release; return nil })), "a")
		h.place(0, "a")
		h.place(1, "a")
		src.feed <- item{N: 1}
		synctest.Wait()
		began := time.Now()
		err := h.wings["a"].Close(nil, false, hallGrace)
		if err == nil || err.Error() != "left behind: work/0 did not return from Execute" || time.Since(began) != hallGrace {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		close(release)
		h.close(nil)
	})
}

// TestLostOnTheWay: what arrives for an instance that is not here fails its trees, at
// once (G1).
func TestLostOnTheWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newTap()
		h := newHall(t, pipe(src, 1, do(okay)), "a", "b")
		h.place(0, "a")
		w := h.place(1, "b")
		src.feed <- item{N: 1}
		pass(time.Second)
		h.wings["b"].HangUp(w)
		synctest.Wait()
		src.feed <- item{N: 2} // a has not heard of it
		pass(time.Second)
		if why := src.one(t, 2); why.Kind != tuple.Lost || why.Age >= time.Second {
			t.Errorf("after %v: %v", why.Age, why)
		}
		h.wings["b"].Fail(tuple.NewRoot(99, 1), tuple.Failure{}) // of nobody
		for name, err := range h.close(nil) {
			t.Errorf("%s: %v", name, err)
		}
	})
}

// A patient spout waits while it opens.
type patient struct{ tapSpout }

func (patient) Open(ctx context.Context, _ spout.Task) error {
	<-ctx.Done()
	return ctx.Err()
}

// TestCutWhileASpoutOpens: its Open is told, and what it returns is no failure.
func TestCutWhileASpoutOpens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &Node{Name: "src", Parallelism: 1, MaxPending: 16, Timeout: time.Hour}
		DeclareSpout(src, func() spout.Spout[item] { return patient{tapSpout{newTap()}} }).SetCodec(touchy{})
		h := newHall(t, []*Node{src}, "a")
		s := h.place(0, "a")
		pass(time.Second)
		a := h.wings["a"]
		a.Stop(s) // a task that is to move may open, so that it can be asked what it left
		pass(time.Second)
		if a.at(s) != Opening {
			t.Errorf("stopped: stage %d", a.at(s))
		}
		a.Cut(s)
		pass(time.Second)
		if a.at(s) != -1 {
			t.Errorf("cut: stage %d", a.at(s))
		}
		if left := h.close(nil); len(left) > 0 {
			t.Errorf("it ended with %v", left)
		}
	})
}

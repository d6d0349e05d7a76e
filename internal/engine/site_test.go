package engine

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/tuple"
)

func groupingFirst(to grouping.Targets) grouping.Chooser[item] { return grouping.Global[item](to) }

// do makes a constructor of bolts that execute f.
func do(f func(ctx context.Context, v item, out *bolt.Collector[item]) error) func() bolt.Bolt[item, item] {
	return func() bolt.Bolt[item, item] { return &handy{execute: f} }
}

func okay(context.Context, item, *bolt.Collector[item]) error { return nil }

// TestSiteLife takes a spout and a bolt on two sites from begin to end.
func TestSiteLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newTap()
		h := newHall(t, pipe(src, 1, do(okay)), "a", "b")
		a, b := h.wings["a"], h.wings["b"]
		s := h.place(0, "a")
		w := h.place(1, "b")
		for n := range 100 {
			src.feed <- item{N: n}
		}
		pass(time.Second)
		if acked, failed := src.settled(); acked != 100 || failed != 0 || a.at(s) != Working || b.at(w) != Working || a.Open() != 0 {
			t.Fatalf("acked %d, failed %d, stages %d and %d, %d open\n%s%s", acked, failed, a.at(s), b.at(w), a.Open(), a.log, b.log)
		}
		a.Stop(s)
		synctest.Wait()
		if a.at(s) != Settled || src.closed != 0 {
			t.Errorf("after Stop: stage %d, closed %d times", a.at(s), src.closed)
		}
		a.Release(s, true)
		synctest.Wait()
		if a.at(s) != -1 || src.closed != 1 || src.moves != 1 {
			t.Errorf("after Release: stage %d, closed %d, moved %d times", a.at(s), src.closed, src.moves)
		}
		if !b.Idle(w) {
			t.Error("the bolt is not idle")
		}
		b.HangUp(w)
		synctest.Wait()
		if b.at(w) != -1 {
			t.Errorf("after HangUp: stage %d", b.at(w))
		}
		if n := b.Tasks()[1]; n.Executed != 100 || n.Live {
			t.Errorf("the site counts %+v", n)
		}
		for name, err := range h.close(nil) {
			t.Errorf("%s: %v", name, err)
		}
	})
}

// TestCloseReleasesBlockedSenders closes a site whose spout waits for credit of a
// bolt elsewhere that does not return.
func TestCloseReleasesBlockedSenders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newTap()
		release := make(chan struct{})
		h := newHall(t, pipe(src, 1, do(func(context.Context, item, *bolt.Collector[item]) error { <-release; return nil })), "a", "b")
		h.place(0, "a")
		h.place(1, "b")
		sent := 0
		for blocked := false; !blocked; sent++ {
			select {
			case src.feed <- item{N: sent, Size: 10_000}:
			case <-time.After(time.Second):
				blocked = true
			}
		}
		began := time.Now()
		err := h.wings["a"].Close(errors.New("enough"), false, hallGrace)
		if took := time.Since(began); err != nil || took >= hallGrace {
			t.Errorf("Close after %d items took %v: %v", sent, took, err)
		}
		close(release)
		h.close(nil)
	})
}

// TestGoexitOfABolt: user code ends its goroutine while others wait for the task.
func TestGoexitOfABolt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newTap()
		go1 := make(chan struct{})
		h := newHall(t, pipe(src, 1, do(func(context.Context, item, *bolt.Collector[item]) error {
			<-go1
			runtime.Goexit()
			return nil
		})), "a")
		a := h.wings["a"]
		h.place(0, "a")
		w := h.place(1, "a")
		for blocked, n := false, 0; !blocked; n++ {
			select {
			case src.feed <- item{N: n}:
			case <-time.After(time.Second):
				blocked = true
			}
		}
		close(go1)
		synctest.Wait()
		if te, ok := errors.AsType[*tuple.TaskError](a.Failed()); !ok || te.Task.Component != "work" || !errors.Is(te.Err, errGoexit) {
			t.Errorf("Failed: %v", a.Failed())
		}
		if a.at(w) != -1 {
			t.Errorf("stage %d", a.at(w))
		}
		for name, err := range h.close(nil) {
			t.Errorf("%s: %v", name, err)
		}
		if acked, failed := src.settled(); acked != 0 || failed < inboxCapacity {
			t.Errorf("acked %d, failed %d", acked, failed)
		}
	})
}

// TestCut ends a bolt that holds one input, executes another, and has more: all of
// them fail as lost, so that they are replayed (T3).
func TestCut(t *testing.T) {
	for _, at := range []string{"a", "b"} {
		synctest.Test(t, func(t *testing.T) {
			src := newTap()
			release := make(chan struct{})
			h := newHall(t, pipe(src, 1, do(func(_ context.Context, v item, out *bolt.Collector[item]) error {
				if v.N == 0 {
					out.Hold()
					return nil
				}
				<-release
				return nil
			})), "a", "b")
			h.place(0, "a")
			w := h.place(1, at)
			for n := range 10 {
				src.feed <- item{N: n}
				synctest.Wait()
			}
			h.wings[at].Cut(w)
			synctest.Wait()
			close(release)
			pass(time.Second)
			if h.wings[at].at(w) != -1 {
				t.Fatal("it did not end")
			}
			if acked, failed := src.settled(); acked != 1 || failed != 9 {
				t.Fatalf("acked %d, failed %d", acked, failed)
			}
			for n := range 10 {
				if n == 1 {
					continue // it was executed
				}
				if why := src.one(t, n); why.Kind != tuple.Lost {
					t.Errorf("on %s: item %d: %v", at, n, why)
				}
			}
			for name, err := range h.close(nil) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

// TestUndecodableLeavesIdle: a task that could decode nothing of what it got has
// nothing in its hands.
func TestUndecodableLeavesIdle(t *testing.T) {
	for _, bad := range []fault{decodeError, decodePanic} {
		synctest.Test(t, func(t *testing.T) {
			src := newTap()
			h := newHall(t, pipe(src, 1, do(okay)), "a", "b")
			h.place(0, "a")
			w := h.place(1, "b")
			src.feed <- item{N: 1, Fault: bad}
			pass(time.Second)
			if why := src.one(t, 1); why.Kind != tuple.Error || why.Component != "work" || !strings.Contains(why.Text, "touchy") {
				t.Errorf("failure %v", why)
			}
			if !h.wings["b"].Idle(w) {
				t.Error("it is not idle")
			}
			for name, err := range h.close(nil) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

// TestCutWithTuplesStaged: what a bolt has emitted and not handed over goes nowhere
// when it is cut, so its trees fail.
func TestCutWithTuplesStaged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newTap()
		release := make(chan struct{})
		nodes := pipe(src, 1, do(func(_ context.Context, v item, out *bolt.Collector[item]) error {
			out.Emit(v)
			if v.N == 5 {
				<-release
			}
			return nil
		}))
		last := &Node{Name: "last", Parallelism: 1}
		DeclareBolt(last, []Source[item]{From(nodes[1].Outputs[0].(*Output[item]), "shuffle", groupingFirst)}, do(okay)).SetCodec(touchy{})
		h := newHall(t, append(nodes, last), "a", "b")
		h.place(0, "a")
		w := h.place(1, "b")
		h.place(2, "b")
		for n := range 6 { // it learns that short tuples go in runs
			src.feed <- item{N: n}
			pass(time.Second)
		}
		h.wings["b"].Cut(w)
		close(release)
		pass(time.Second)
		if acked, _ := src.settled(); acked != 5 {
			t.Errorf("acked %d", acked)
		}
		if why := src.one(t, 5); why.Kind != tuple.Lost {
			t.Errorf("failure %v", why)
		}
		for name, err := range h.close(nil) {
			t.Errorf("%s: %v", name, err)
		}
	})
}

package cluster_test

import (
	"context"
	"errors"
	"fmt"
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

// TestFatalEndsAllWorkers: an error that ends the topology ends it everywhere, and
// every worker says what it was.
func TestFatalEndsAllWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, j := inproc.New(), &journal{}
		source := newPartitions(2, 1<<20, time.Millisecond)
		var bad atomic.Bool
		topo := func() *topology.Topology {
			d := topology.New("test")
			s := topology.Spout(d, "src", source.New, topology.Parallelism(2))
			topology.Bolt(s.By(grouping.Shuffle), "work", sinkOf(func(v int) error {
				if bad.CompareAndSwap(true, false) {
					return bolt.Fatal(errBad)
				}
				return nil
			}), topology.Parallelism(3))
			return must(d)
		}
		var all []*cluster.Running
		for i := range 3 {
			all = append(all, start(t, topo(), j.worker(net, fmt.Sprint("w", i))))
		}
		time.Sleep(5 * time.Second)
		bad.Store(true)
		tasks := 0
		for i, r := range all {
			err := ended(t, j, r, 10*time.Second)
			if err == nil || !strings.Contains(err.Error(), errBad.Error()) || !strings.Contains(err.Error(), "work") {
				t.Errorf("worker %d: %v", i, err)
			}
			if te, ok := errors.AsType[*cluster.TaskError](err); ok && te.Task.Component == "work" && errors.Is(err, errBad) {
				tasks++
			} else if err != nil && !strings.Contains(err.Error(), "on another worker") {
				t.Errorf("worker %d: %v", i, err)
			}
		}
		if tasks != 1 {
			t.Errorf("%d workers had the task that failed\n%s", tasks, j)
		}
	})
}

// TestOpenFailsOnOneWorker: the others end with it.
func TestOpenFailsOnOneWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, j := inproc.New(), &journal{}
		source := newPartitions(2, 1<<20, time.Millisecond)
		var opens, live atomic.Int64
		var bad atomic.Bool
		topo := func() *topology.Topology {
			d := topology.New("test")
			s := topology.Spout(d, "src", source.New, topology.Parallelism(2))
			topology.Bolt(s.By(grouping.Shuffle), "work", func() *counted {
				return &counted{same, &opens, &live, func(bolt.Task) error {
					if bad.Load() {
						return errBad
					}
					return nil
				}}
			}, topology.Parallelism(4))
			return must(d)
		}
		a := start(t, topo(), j.worker(net, "a"))
		time.Sleep(3 * time.Second)
		bad.Store(true) // for the tasks that b gets
		b, err := cluster.Start(t.Context(), topo(), j.worker(net, "b"))
		if err == nil {
			err = ended(t, j, b, 10*time.Second)
		}
		if te, ok := errors.AsType[*cluster.TaskError](err); !ok || te.Task.Component != "work" || !errors.Is(err, errBad) {
			t.Errorf("the worker whose Open failed: %v", err)
		}
		if err := ended(t, j, a, 10*time.Second); err == nil || !strings.Contains(err.Error(), errBad.Error()) {
			t.Errorf("the other: %v", err)
		}
		if opens.Load() != 4 || live.Load() > 0 {
			t.Errorf("opened %d, of which %d were not closed", opens.Load(), live.Load())
		}
	})
}

// A keeper holds its inputs until a tick, which nothing but a drain brings in time.
type keeper struct{ hand }

func (*keeper) Every() time.Duration { return time.Hour }

// TestAllLeave: the workers leave, at once or one after the other, while inputs are
// held: holders flush (D2), everything that was emitted is committed, and nothing is
// emitted twice.
func TestAllLeave(t *testing.T) {
	for name, pause := range map[string]time.Duration{"at once": 0, "one by one": 4 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			net, j := inproc.New(), &journal{}
			source := newPartitions(2, 1<<20, 10*time.Millisecond)
			var seen tally[int]
			topo := func() *topology.Topology {
				d := topology.New("test")
				s := topology.Spout(d, "src", source.New, topology.Parallelism(2))
				h := topology.Bolt(s.By(grouping.Shuffle), "hold", func() *keeper { return &keeper{} }, topology.Parallelism(2))
				topology.Bolt(h.By(grouping.Value), "sink", seen.sink(), topology.Parallelism(2))
				return must(d)
			}
			a, b := start(t, topo(), j.worker(net, "a")), start(t, topo(), j.worker(net, "b"))
			time.Sleep(5 * time.Second)
			ends := make(chan error, 2)
			for _, r := range []*cluster.Running{a, b} {
				go func() { ends <- r.Drain(t.Context()) }()
				time.Sleep(pause)
			}
			if err := errors.Join(<-ends, <-ends); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			committed := 0
			for _, c := range source.committed {
				committed += c
			}
			if committed < 100 || len(seen.seen) != committed || len(source.failed) > 0 {
				t.Errorf("%s: committed %d, seen %d, failed %v\n%s", name, committed, len(seen.seen), source.failed, j)
			}
			for v, n := range seen.seen {
				if n != 1 {
					t.Errorf("%s: %d came %d times", name, v, n)
				}
			}
		})
	}
}

// TestAllLeaveWhileTasksMove: the workers leave so shortly after each other that tasks
// move to those that are about to leave: these run them nevertheless, to the end.
func TestAllLeaveWhileTasksMove(t *testing.T) {
	for seed := range 30 {
		synctest.Test(t, func(t *testing.T) {
			net, j := inproc.New(), &journal{}
			o := &outpost{source: newPartitions(3, 1<<20, 5*time.Millisecond)}
			var all []*cluster.Running
			for i := range 3 {
				all = append(all, start(t, o.topology(), j.worker(net, fmt.Sprint("w", i))))
			}
			time.Sleep(2 * time.Second)
			for i, r := range all {
				time.Sleep(time.Duration(seed*i) * 2 * time.Millisecond)
				go r.Drain(t.Context())
			}
			for _, r := range all {
				if err := ended(t, j, r, time.Minute); err != nil {
					t.Errorf("seed %d: %v", seed, err)
				}
			}
			if n := o.committed(); len(o.seen.seen) != n || len(o.source.failed) > 0 {
				t.Errorf("seed %d: %d committed, %d seen, failed %v\n%s", seed, n, len(o.seen.seen), o.source.failed, j)
			}
		})
	}
}

// TestDrainThatTakesTooLong: inputs that nobody settles end with the grace.
func TestDrainThatTakesTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, j := inproc.New(), &journal{}
		b := newBook(7)
		b.wait = true
		r := start(t, chain(b, abandon, topology.Timeout(time.Hour)), j.worker(net, "a"))
		time.Sleep(3 * time.Second)
		var err error
		d := took(func() { err = r.Drain(t.Context()) })
		var abandoned *cluster.AbandonedError
		if !errors.As(err, &abandoned) || abandoned.Open != 7 {
			t.Errorf("Drain: %v", err)
		}
		if d < cluster.DefaultGrace || d > cluster.DefaultGrace+2*time.Second {
			t.Errorf("it took %v", d)
		}
		b.check(t, 0, 7)
	})
}

// TestLeaveWhileTheNetIsAway: who is told to leave then and has nothing in its hands does,
// at once if it is alone, else after the grace, in which the net may come back.
func TestLeaveWhileTheNetIsAway(t *testing.T) {
	for name, c := range map[string]struct {
		workers int
		every   time.Duration // a record
		away    time.Duration // before they leave
		within  time.Duration
	}{
		"alone":                 {1, time.Millisecond, 5 * time.Second, time.Second},
		"alone, before a doubt": {1, time.Millisecond, 0, 3 * time.Second},
		"two":                   {2, time.Hour, 5 * time.Second, cluster.DefaultGrace + time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			net, j := inproc.New(), &journal{}
			o := &outpost{source: newPartitions(2, 1<<20, c.every)}
			var all []*cluster.Running
			for i := range c.workers {
				all = append(all, start(t, o.topology(), j.worker(net, fmt.Sprint("w", i))))
			}
			time.Sleep(10 * time.Second)
			net.Down()
			time.Sleep(c.away)
			d := took(func() {
				ends := make(chan error, c.workers)
				for _, r := range all {
					go func() { ends <- r.Drain(t.Context()) }()
				}
				for range all {
					if err := <-ends; err != nil {
						t.Errorf("%s: %v\n%s", name, err, j)
					}
				}
			})
			if d > c.within {
				t.Errorf("%s: it took %v\n%s", name, d, j)
			}
			if n := o.committed(); len(o.seen.seen) != n || len(o.source.failed) > 0 || n == 0 && c.every < time.Hour {
				t.Errorf("%s: %d committed, %d seen, failed %v\n%s", name, n, len(o.seen.seen), o.source.failed, j)
			}
		})
	}
}

// TestAbortOfOneWorker: the others take over, and replay what it had in its hands.
func TestAbortOfOneWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(t, newPartitions(4, 3000, 2*time.Millisecond))
		b, d := c.join("b"), c.join("d")
		a := start(t, c.topology(), c.log.worker(c.net, "a"))
		time.Sleep(3 * time.Second)
		a.Abort(errBad)
		took := took(func() {
			if err := ended(t, c.log, a, time.Minute); !errors.Is(err, errBad) {
				t.Errorf("the worker: %v", err)
			}
		})
		if took > time.Second {
			t.Errorf("it took %v", took)
		}
		c.await("everything is committed", 30*time.Second, c.source.done)
		b()
		d()
		c.check()
		if n := c.source.failed[tuple.Shutdown]; n > 8 { // those of its own spouts alone
			t.Logf("failures %v", c.source.failed)
		}
	})
}

// TestLostAtTheEnd: a worker may vanish while the others come to their end, and have
// something left to send to its tasks: they end nevertheless.
func TestLostAtTheEnd(t *testing.T) {
	for n := range 20 {
		synctest.Test(t, func(t *testing.T) {
			net, j := inproc.New(), &journal{}
			g := &gate{n: 300, every: time.Millisecond, open: make(chan struct{}), tracked: true}
			topo := func() *topology.Topology {
				d := topology.New("test")
				s := topology.Spout(d, "src", g.New)
				h := topology.Bolt(s.By(grouping.Shuffle), "sum", func() *summer { return &summer{} }, topology.Parallelism(3))
				topology.Bolt(h.By(grouping.All), "sink", sinkOf(func(int) error { return nil }), topology.Parallelism(3))
				return must(d)
			}
			var all []*cluster.Running
			for i := range 3 {
				all = append(all, start(t, topo(), j.worker(net, fmt.Sprint("w", i))))
			}
			time.Sleep(2 * time.Second)
			close(g.open)
			time.Sleep(time.Duration(250+5*n) * time.Millisecond)
			all[2].Abort(errBad)
			for i, r := range all {
				if err := ended(t, j, r, time.Minute); err != nil && !errors.Is(err, errBad) {
					t.Errorf("after %d: worker %d: %v", n, i, err)
				}
			}
		})
	}
}

// A lingering bolt counts its openings, and takes its time to close where there is one.
type lingering struct {
	counted
	close time.Duration
}

func (s *lingering) Close() error {
	time.Sleep(s.close)
	return s.counted.Close()
}

// TestNothingBeginsAtTheEnd: whoever ends last does not begin the tasks of those who have
// ended before: nobody sends to them any more.
func TestNothingBeginsAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, j := inproc.New(), &journal{}
		g := &gate{n: 100, open: make(chan struct{}), tracked: true}
		var opens, live atomic.Int64
		var all []*cluster.Running
		for i := range 3 {
			d := topology.New("test")
			s := topology.Spout(d, "src", g.New)
			topology.Bolt(s.By(grouping.Shuffle), "sink", func() *lingering {
				return &lingering{counted{same, &opens, &live, nil}, time.Duration(i) * time.Second}
			}, topology.Parallelism(5))
			all = append(all, start(t, must(d), j.worker(net, fmt.Sprint("w", i))))
		}
		time.Sleep(3 * time.Second)
		before := opens.Load()
		close(g.open)
		for _, r := range all {
			if err := ended(t, j, r, time.Minute); err != nil {
				t.Error(err)
			}
		}
		if n := opens.Load() - before; n != 0 || live.Load() != 0 {
			t.Errorf("%d tasks began at the end, %d are open", n, live.Load())
		}
	})
}

// TestAbortLosesNoValueOfReplay: values that a bolt held on a worker that was aborted
// are replayed by the spout, which is on another one.
func TestAbortLosesNoValueOfReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, j := inproc.New(), &journal{}
		const n = 2000
		values := make([]int, n)
		for i := range values {
			values[i] = i
		}
		seen := &tally[int]{}
		done := make(chan struct{})
		topo := func(holds bool) *topology.Topology {
			d := topology.New("test")
			s := topology.Spout(d, "src", spout.Replay(spout.FromSlice(values), spout.Retry{}, nil), topology.MaxPending(500))
			topology.Bolt(s.By(grouping.Shuffle), "sink", bolt.Of(func(_ context.Context, v int, out *bolt.Collector[int]) error {
				if holds {
					out.Hold()
					return nil
				}
				<-done
				seen.add(v)
				return nil
			}), topology.Parallelism(4))
			return must(d)
		}
		a := start(t, topo(false), j.worker(net, "a")) // it gets the spout
		b := start(t, topo(true), j.worker(net, "b"))
		time.Sleep(3 * time.Second)
		close(done)
		time.Sleep(3 * time.Second)
		b.Abort(errBad)
		if err := ended(t, j, b, time.Minute); !errors.Is(err, errBad) {
			t.Errorf("the worker: %v", err)
		}
		if err := ended(t, j, a, time.Minute); err != nil {
			t.Errorf("the other worker: %v", err)
		}
		if len(seen.seen) != n {
			t.Errorf("%d of %d values arrived", len(seen.seen), n)
		}
	})
}

// TestPortableAtStart: a stream that cannot travel is an error before anything starts.
func TestPortableAtStart(t *testing.T) {
	d := topology.New("test")
	s := topology.Spout(d, "src", spout.FromSlice([]struct{ Ready chan int }{{nil}}))
	topology.Bolt(s.By(grouping.Shuffle), "work", bolt.Sink(func(context.Context, struct{ Ready chan int }) error { return nil }))
	topo := must(d)
	for what, mode := range map[string]cluster.Mode{"Worker": cluster.Worker{Net: inproc.New()}, "Wire": cluster.Local{Wire: true}} {
		if _, err := cluster.Start(t.Context(), topo, mode); err == nil || !strings.Contains(err.Error(), "src") || !strings.Contains(err.Error(), "Ready") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := cluster.Start(t.Context(), topo, cluster.Worker{}); err == nil || !strings.Contains(err.Error(), "Net") {
		t.Errorf("without a net: %v", err)
	}
}

// TestOddNames: whatever a worker is called, it joins.
func TestOddNames(t *testing.T) {
	for _, name := range []string{"", "wörker/1 *>.", strings.Repeat("long", 40), "..", "-", "a\x00b", "$JS.API"} {
		synctest.Test(t, func(t *testing.T) {
			j := &journal{}
			b := newBook(100)
			if err := ended(t, j, start(t, chain(b, sinkOf(func(int) error { return nil })), j.worker(inproc.New(), name)), time.Minute); err != nil {
				t.Errorf("%q: %v", name, err)
			}
			b.check(t, 100, 0)
		})
	}
}

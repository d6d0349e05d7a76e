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

// A bolt that passes on what another topology says of its own end says nothing of this
// one's: the values are replayed.
func TestShutdownOfAnotherTopology(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other := spout.NewFeed[int]()
		other.Close()
		var calls, dead int
		d := topology.New("test")
		replay := spout.Replay(spout.FromSlice([]int{1, 2, 3}), spout.Retry{}, func(int, tuple.Failure) { dead++ })
		topology.Bolt(topology.Spout(d, "src", replay).By(grouping.Shuffle), "forward", bolt.Sink(func(ctx context.Context, v int) error {
			if calls++; calls > 6 {
				return nil // it is there again
			}
			return other.Send(ctx, v)
		}))
		if err := start(t, topology.Must(d.Build()), quiet).Wait(); err != nil || calls != 9 || dead != 0 {
			t.Errorf("%v, %d calls, %d given up", err, calls, dead)
		}
	})
}

// What a bolt returns since the topology ends is no attempt at the record (P4).
func TestAbortIsNoAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook(8)
		r := start(t, chain(b, bolt.Sink(func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() }), topology.Timeout(time.Hour)), quiet)
		time.Sleep(time.Second)
		r.Abort(errBad)
		if err := r.Wait(); !errors.Is(err, errBad) {
			t.Error(err)
		}
		for id, fails := range b.failed {
			for _, f := range fails {
				if f.Kind.Counts() {
					t.Errorf("%d: %v", id, f)
				}
			}
		}
	})
}

// A teller panics when it is told of a failure.
type teller struct{}

func (teller) Run(_ context.Context, out *spout.Emitter[int]) error { out.EmitID(1, 1); return nil }
func (teller) Ack(uint64)                                           {}
func (teller) Fail(uint64, spout.Failure)                           { panic("in Fail") }

// What panics beside Replay ends the topology, and not the process.
func TestPanicsBesideReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := topology.New("test")
		src := topology.Spout(d, "src", spout.Replay(func() teller { return teller{} }, spout.Retry{Attempts: 1}, nil))
		topology.Bolt(src.By(grouping.Shuffle), "work", sinkOf(func(int) error { return errBad }))
		err := start(t, topology.Must(d.Build()), quiet).Wait()
		var te *cluster.TaskError
		if !errors.As(err, &te) || te.Task.Component != "src" || !strings.Contains(err.Error(), "in Fail") || strings.Contains(err.Error(), "\n") {
			t.Error(err)
		}
	})
}

// A grouping that ends the goroutine when another has chosen a task already: the value is not
// sent to that either, and those before it are.
func TestGoexitInAGrouping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook(0)
		d := topology.New("test")
		src := topology.Spout(d, "src", func() *emitting {
			return &emitting{b.New(), func(out *spout.Emitter[int]) {
				for i := range 20_000 { // until the cost is known and runs are long
					out.EmitID(0, uint64(i))
				}
				out.EmitID(0, 20_000)
				out.EmitID(1, 20_001)
			}}
		})
		var got atomic.Int64
		topology.Bolt(src.By(grouping.Shuffle), "one", sinkOf(func(v int) error { got.Add(int64(v)); return nil }))
		topology.Bolt(src.By(grouping.Fields(func(v int) int {
			if v == 1 {
				runtime.Goexit()
			}
			return v
		})), "two", sinkOf(func(int) error { return nil }), topology.Parallelism(2))
		err := start(t, topology.Must(d.Build()), quiet).Wait()
		if err == nil || !strings.Contains(err.Error(), "Goexit") {
			t.Error(err)
		}
		if got.Load() != 0 {
			t.Error("the value that has no tree was sent")
		}
		if n := len(b.acked) + len(b.failed); n != 20_001 {
			t.Errorf("the spout was told of %d of 20001 trees", n)
		}
	})
}

// An emitting is a bookSpout that emits what it is told to.
type emitting struct {
	*bookSpout
	run func(*spout.Emitter[int])
}

func (s *emitting) Run(_ context.Context, out *spout.Emitter[int]) error { s.run(out); return nil }

// A mover panics when it is told that its task goes on elsewhere.
type mover struct{ *bookSpout }

func (mover) Moved() { panic("in Moved") }

func TestMovedThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook(0)
		b.wait = true
		net, j := inproc.New(), &journal{}
		topo := func() *topology.Topology {
			d := topology.New("test")
			topology.Bolt(topology.Spout(d, "src", func() mover { return mover{b.New()} }, topology.Parallelism(2)).By(grouping.Shuffle), "work", sinkOf(func(int) error { return nil }))
			return topology.Must(d.Build())
		}
		one := start(t, topo(), j.worker(net, "a"))
		time.Sleep(3 * time.Second)
		two := start(t, topo(), j.worker(net, "b"))
		time.Sleep(3 * time.Second)
		if !strings.Contains(j.String(), "in Moved") {
			t.Errorf("nobody was told:\n%s", j)
		}
		two.Abort(nil)
		one.Abort(nil)
		_, _ = two.Wait(), one.Wait()
	})
}

// An Ack that does not return is named, and not waited for longer than the grace.
func TestAckThatBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		d := topology.New("test")
		src := topology.Spout(d, "src", func() *blocked { return &blocked{newBook(2).New(), release} })
		topology.Bolt(src.By(grouping.Shuffle), "work", sinkOf(func(int) error { return nil }))
		r := start(t, topology.Must(d.Build()), quiet)
		time.Sleep(time.Second)
		var err error
		d2 := took(func() { err = r.Drain(t.Context()) })
		if err == nil || !strings.Contains(err.Error(), "src/0 did not return from Ack or Fail") {
			t.Error(err)
		}
		if d2 > cluster.DefaultGrace+3*time.Second {
			t.Errorf("it took %v", d2)
		}
		close(release)
	})
}

// A blocked is a bookSpout whose Ack waits.
type blocked struct {
	*bookSpout
	release chan struct{}
}

func (s *blocked) Ack(uint64) { <-s.release }

// A Fail that ends its goroutine, as t.Fatal does, with the last answers: the spout is closed
// all the same, and nobody waits.
func TestGoexitInTheLastFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closes := 0
		d := topology.New("test")
		src := topology.Spout(d, "src", func() *leaver { return &leaver{newBook(1).New(), &closes} }, topology.Timeout(time.Hour))
		topology.Bolt(src.By(grouping.Shuffle), "hold", abandon)
		r := start(t, topology.Must(d.Build()), quiet)
		time.Sleep(time.Second)
		r.Abort(errBad)
		var err error
		if d := took(func() { err = r.Wait() }); d > 0 || closes != 1 || !errors.Is(err, errBad) {
			t.Errorf("after %v, closed %d times: %v", d, closes, err)
		}
	})
}

// A leaver is a bookSpout whose Fail does not return.
type leaver struct {
	*bookSpout
	closes *int
}

func (s *leaver) Fail(uint64, spout.Failure) { runtime.Goexit() }
func (s *leaver) Close() error               { *s.closes++; return nil }

// A drain whose spouts take all of the grace ends then, whatever is open.
func TestDrainThatIsUsedUp(t *testing.T) {
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			d := topology.New("test")
			src := topology.Spout(d, "src", spout.Of(func(ctx context.Context, out *spout.Emitter[int]) error {
				out.EmitID(1, 1)
				<-ctx.Done()
				time.Sleep(cluster.DefaultGrace)
				return nil
			}), topology.Timeout(time.Hour))
			topology.Bolt(src.By(grouping.Shuffle), "hold", abandon)
			r := start(t, topology.Must(d.Build()), quiet)
			time.Sleep(time.Second)
			if d := took(func() { _ = r.Drain(t.Context()) }); d > cluster.DefaultGrace+2*time.Second {
				t.Errorf("it took %v", d)
			}
		})
	}
}

// A task that moves away although a call of its bolt does not return is cut after the
// grace: its context ends, and the spout task that moved at the time begins.
func TestCallWithoutAnswerHoldsUpNoMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, j := inproc.New(), &journal{}
		source := newPartitions(2, 1<<20, 10*time.Millisecond)
		var stuck atomic.Int64
		var jam atomic.Bool
		topo := func() *topology.Topology {
			d := topology.New("test")
			src := topology.Spout(d, "src", source.New, topology.Parallelism(2), topology.Timeout(2*time.Second))
			topology.Bolt(src.By(grouping.Shuffle), "work", bolt.Sink(func(ctx context.Context, v int) error {
				if jam.Load() && stuck.Add(1) <= 2 {
					<-ctx.Done()
				}
				return ctx.Err()
			}), topology.Parallelism(2))
			return topology.Must(d.Build())
		}
		one := start(t, topo(), j.worker(net, "a"))
		time.Sleep(3 * time.Second)
		jam.Store(true)
		time.Sleep(3 * time.Second)
		two := start(t, topo(), j.worker(net, "b"))
		time.Sleep(time.Minute)
		if part(t, two.Stats(), "src").Emitted == 0 {
			t.Errorf("the spout task that moved never began:\n%s", j)
		}
		one.Abort(nil)
		two.Abort(nil)
		_, _ = one.Wait(), two.Wait()
	})
}

// A jumper panics with each tick.
type jumper struct{ goer }

func (jumper) Tick(context.Context, *bolt.Collector[string]) error { panic("in Tick") }

// A panic outside Execute fails nothing, and the log has its stack.
func TestTickThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, j := newBook(1), &journal{}
		if err := start(t, chain(b, func() jumper { return jumper{} }), j.local()).Wait(); err != nil {
			t.Error(err)
		}
		b.check(t, 1, 0)
		if !strings.Contains(j.String(), "in Tick") || !strings.Contains(j.String(), "callback_test.go") {
			t.Errorf("the log does not say where:\n%s", j)
		}
	})
}

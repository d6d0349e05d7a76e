package cluster_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/topology"
)

// results runs b through a bolt that calls Go as it likes, and returns what it emitted.
func results(t *testing.T, b *book, execute func(v int, out *bolt.Collector[int]) error) *tally[int] {
	t.Helper()
	var got tally[int]
	d := topology.New("test")
	work := topology.Bolt(topology.Spout(d, "src", b.New).By(grouping.Shuffle), "work", bolt.Of(func(_ context.Context, v int, out *bolt.Collector[int]) error {
		return execute(v, out)
	}))
	topology.Bolt(work.By(grouping.Shuffle), "sink", got.sink())
	if err := start(t, topology.Must(d.Build()), quiet).Wait(); err != nil {
		t.Fatal(err)
	}
	return &got
}

// after calls Go with a call of so long and what its result does.
func after(out *bolt.Collector[int], d time.Duration, then func(*bolt.Collector[int]) error) {
	out.Go(func(context.Context) func(*bolt.Collector[int]) error {
		time.Sleep(d)
		return then
	})
}

// An input with several calls is done with the last of them, and all results count.
func TestTwoCallsOfOneInput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook(10)
		got := results(t, b, func(v int, out *bolt.Collector[int]) error {
			for k := range 2 {
				after(out, time.Duration(1+20*k)*time.Millisecond, func(out *bolt.Collector[int]) error {
					out.Emit(10*v + k)
					return nil
				})
			}
			return nil
		})
		b.check(t, 10, 0)
		if len(got.seen) != 20 {
			t.Errorf("%d of 20 results", len(got.seen))
		}
	})
}

// One call that fails fails the input, and what comes later of it has nobody to belong to.
func TestOneOfTwoCallsFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook(10)
		late := 0
		results(t, b, func(v int, out *bolt.Collector[int]) error {
			after(out, time.Millisecond, func(*bolt.Collector[int]) error { return errBad })
			after(out, time.Second, func(*bolt.Collector[int]) error { late++; return nil })
			return nil
		})
		b.check(t, 0, 10)
		if late != 0 {
			t.Errorf("%d results of inputs that have failed", late)
		}
	})
}

// The result of a call may call again.
func TestChainedCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook(10)
		got := results(t, b, func(v int, out *bolt.Collector[int]) error {
			after(out, time.Millisecond, func(out *bolt.Collector[int]) error {
				after(out, time.Millisecond, func(out *bolt.Collector[int]) error {
					out.Emit(v)
					return nil
				})
				return nil
			})
			return nil
		})
		b.check(t, 10, 0)
		if len(got.seen) != 10 {
			t.Errorf("%d of 10 results", len(got.seen))
		}
	})
}

// A chainer begins a call with its last tick, and another with its result.
type chainer struct {
	every time.Duration
	ended *bool
}

func (c chainer) Execute(context.Context, int, *bolt.Collector[int]) error { return nil }
func (c chainer) Every() time.Duration                                     { return c.every }
func (c chainer) Tick(_ context.Context, out *bolt.Collector[int]) error {
	after(out, time.Second, func(out *bolt.Collector[int]) error {
		after(out, time.Second, func(*bolt.Collector[int]) error { *c.ended = true; return nil })
		return nil
	})
	return nil
}

func TestCallsOfTheLastTick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := false
		d := topology.New("test")
		topology.Bolt(topology.Spout(d, "src", newBook(1).New).By(grouping.Shuffle), "work", func() chainer { return chainer{time.Hour, &ended} })
		if err := start(t, topology.Must(d.Build()), quiet).Wait(); err != nil || !ended {
			t.Errorf("%v, ended %v", err, ended)
		}
	})
}

// An error whose methods panic is a failure like others, whoever calls them.
func TestErrorsThatPanic(t *testing.T) {
	var none *cluster.TaskError // an error, and nil
	for name, execute := range map[string]func(v int, out *bolt.Collector[int]) error{
		"returned": func(int, *bolt.Collector[int]) error { return none },
		"held":     func(_ int, out *bolt.Collector[int]) error { out.Hold(); return none },
		"settled": func(_ int, out *bolt.Collector[int]) error {
			held := out.Hold()
			go func() { held.Fail(none) }()
			return nil
		},
		"of a call": func(_ int, out *bolt.Collector[int]) error {
			after(out, time.Second, func(*bolt.Collector[int]) error { return none })
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBook(3)
				results(t, b, execute)
				b.check(t, 0, 3)
			})
		})
	}
	d := topology.New("test")
	topology.Bolt(topology.Spout(d, "src", newBook(1).New).By(grouping.Shuffle), "work", func() unopened { return unopened{none} })
	if _, err := cluster.Start(t.Context(), topology.Must(d.Build()), quiet); err == nil {
		t.Error("an Open that failed is none")
	}
}

// An unopened cannot be opened.
type unopened struct{ err error }

func (o unopened) Open(context.Context, bolt.Task) error                    { return o.err }
func (o unopened) Execute(context.Context, int, *bolt.Collector[int]) error { return nil }

// Drop does not overrule what it is joined with, nor that something could not be sent.
func TestDropAmongOthers(t *testing.T) {
	dropped := bolt.Drop(errBad)
	for name, err := range map[string]error{
		"an error": errors.Join(dropped, errBad), "a rejection": errors.Join(dropped, bolt.Reject(errBad)),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBook(1)
				results(t, b, func(int, *bolt.Collector[int]) error { return err })
				b.check(t, 0, 1)
			})
		})
	}
	if !bolt.IsDrop(errors.Join(dropped, dropped)) || !bolt.IsFatal(errors.Join(dropped, bolt.Fatal(errBad))) || !bolt.IsReject(errors.Join(errBad, bolt.Reject(errBad))) || bolt.IsDrop(nil) {
		t.Error("joined outcomes")
	}
	synctest.Test(t, func(t *testing.T) {
		b := newBook(1)
		d := topology.New("test")
		work := topology.Bolt(topology.Spout(d, "src", b.New).By(grouping.Shuffle), "work", bolt.Of(func(_ context.Context, v int, out *bolt.Collector[int]) error {
			out.Emit(v)
			return dropped
		}))
		topology.Bolt(work.By(grouping.Direct(func(int, int) int { return -7 })), "sink", sinkOf(func(int) error { return nil }))
		if err := start(t, topology.Must(d.Build()), quiet).Wait(); err != nil {
			t.Fatal(err)
		}
		b.check(t, 0, 1)
	})
}

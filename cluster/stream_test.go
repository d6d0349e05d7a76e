package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

func TestGroupingThatFindsNoTask(t *testing.T) {
	for _, index := range []int{grouping.None, 2, -7} {
		for _, fromBolt := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				b := newBook(10)
				d := topology.New("test")
				s := topology.Spout(d, "src", b.New)
				if fromBolt {
					s = topology.Bolt(s.By(grouping.Shuffle), "map", bolt.Map(func(_ context.Context, v int) (int, error) { return v, nil }))
				}
				group := func(grouping.Targets) grouping.Chooser[int] {
					return func(v int) int {
						switch v {
						case 3:
							return index
						case 4:
							return grouping.Everyone
						}
						return v % 2
					}
				}
				var got tally[int]
				topology.Bolt(s.By(group), "sink", got.sink(), topology.Parallelism(2))
				if err := start(t, topology.Must(d.Build()), quiet).Wait(); err != nil {
					t.Error(err)
				}
				b.check(t, 9, 1)
				if f := b.one(t); f.Kind != tuple.Error || !strings.Contains(f.Text, "sink") || got.seen[4] != 2 || got.seen[3] != 0 {
					t.Errorf("%v, got %v", f, got.seen)
				}
			})
		}
	}
}

// keyed gives odd values to one task of two and even ones to the other, and panics at those
// that are negative.
var keyed = grouping.Fields(func(v int) int {
	if v < 0 {
		panic("no key\nat all")
	}
	return v
})

// A grouping that panics fails the one value that it panics at, however that was emitted,
// and what another grouping chose for it is not sent.
func TestGroupingThatPanics(t *testing.T) {
	values := []int{1, -1, 2, 3, -2, -3, 4, -4}
	for name, run := range map[string]func(*spout.Emitter[int]){
		"EmitID": func(out *spout.Emitter[int]) {
			for i, v := range values {
				out.EmitID(v, uint64(i))
			}
		},
		"EmitEach": func(out *spout.Emitter[int]) {
			out.EmitEach(len(values), func(i int, v *int) (uint64, bool) { *v = values[i]; return uint64(i), true })
		},
	} {
		for _, groups := range [][]grouping.Grouping[int]{{keyed}, {grouping.Shuffle[int], keyed}, {grouping.Direct(func(v, _ int) int { return v }), keyed}} {
			synctest.Test(t, func(t *testing.T) {
				b, j := newBook(0), &journal{}
				b.emitted = len(values)
				var got tally[int]
				d := topology.New("test")
				src := topology.Spout(d, "src", func() *emitting { return &emitting{b.New(), run} })
				for i, group := range groups {
					topology.Bolt(src.By(group), fmt.Sprint("sink", i), got.sink(), topology.Parallelism(5))
				}
				r := start(t, topology.Must(d.Build()), j.local())
				if err := r.Wait(); err != nil {
					t.Error(err)
				}
				b.check(t, 4, 4)
				for id, fails := range b.failed {
					if f := fails[0]; values[id] > 0 || f.Kind != tuple.Panic || f.Component != "src" || !strings.Contains(f.Text, "stream_test.go") {
						t.Errorf("%s: value %d failed: %+v", name, values[id], f)
					}
				}
				if len(got.seen) != 4 || got.seen[4] != len(groups) {
					t.Errorf("%s, %d groupings: got %v", name, len(groups), got.seen)
				}
				if n := strings.Count(j.String(), "grouping panicked"); n != 3 || !strings.Contains(j.String(), "stream_test.go") {
					t.Errorf("the log has %d of 4 panics, want the first, second and fourth with their stacks:\n%s", n, j)
				}
				if s := part(t, r.Stats(), "src"); s.Emitted != 8 || s.FailedBy[tuple.Panic] != 4 || s.Pending != 0 {
					t.Errorf("src %+v", s)
				}
			})
		}
	}
}

// A value without a tree at which a grouping panics is gone, and counted.
func TestGroupingThatPanicsAtAnUntrackedValue(t *testing.T) {
	for _, emit := range []func(*spout.Emitter[int], int) bool{
		(*spout.Emitter[int]).Emit,
		func(out *spout.Emitter[int], v int) bool { return out.EmitID(v, 0) },
	} {
		synctest.Test(t, func(t *testing.T) {
			var got tally[int]
			d := topology.New("test")
			src := topology.Spout(d, "src", spout.Of(func(_ context.Context, out *spout.Emitter[int]) error {
				for _, v := range []int{1, -1, 2} {
					if !emit(out, v) {
						t.Errorf("the spout should return after %d", v)
					}
				}
				return nil
			}), topology.Untracked())
			topology.Bolt(src.By(keyed), "sink", got.sink(), topology.Parallelism(2))
			r := start(t, topology.Must(d.Build()), quiet)
			if err := r.Wait(); err != nil || len(got.seen) != 2 {
				t.Errorf("%v, got %v", err, got.seen)
			}
			if s := part(t, r.Stats(), "src"); s.Unsent != 1 || s.Emitted != 3 {
				t.Errorf("src %+v", s)
			}
		})
	}
}

// A value that cannot be grouped is retried and given up, as one is that a bolt panics at.
// A spout whose values do nothing else ends the topology.
func TestGroupingThatPanicsIsAnAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run := func(attempts int, values ...int) (dead int, err error) {
			d := topology.New("test")
			replay := spout.Replay(spout.FromSlice(values), spout.Retry{Attempts: attempts, Backoff: 200 * time.Millisecond, Max: 200 * time.Millisecond}, func(int, spout.Failure) { dead++ })
			topology.Bolt(topology.Spout(d, "src", replay).By(keyed), "sink", sinkOf(func(int) error { return nil }), topology.Parallelism(2))
			err = start(t, topology.Must(d.Build()), quiet).Wait()
			return dead, err
		}
		if dead, err := run(100, 1, -1, 2); err != nil || dead != 1 {
			t.Errorf("%d given up: %v", dead, err)
		}
		_, err := run(2, slices.Repeat([]int{-1}, 16)...)
		var te *cluster.TaskError
		if !errors.As(err, &te) || te.Task.Component != "src" || !strings.Contains(err.Error(), "16 times in a row, last: no key; at all") {
			t.Error(err)
		}
		if dead, err := run(1, append(slices.Repeat([]int{-1}, 15), 1, -1)...); err != nil || dead != 16 {
			t.Errorf("%d given up: %v", dead, err)
		}
	})
}

func TestSideStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		read, unread := bolt.NewSide[string]("read"), bolt.NewSide[string]("unread")
		b := newBook(10)
		d := topology.New("test")
		w := topology.Bolt(topology.Spout(d, "src", b.New).By(grouping.Shuffle), "work", bolt.Of(func(_ context.Context, v int, out *bolt.Collector[int]) error {
			read.Emit(out, strings.Repeat("x", v))
			unread.Emit(out, "y")
			return nil
		}))
		var got tally[string]
		topology.Bolt(topology.Side(w, read).By(grouping.Shuffle), "sink", got.sink())
		r := start(t, topology.Must(d.Build()), quiet)
		if err := r.Wait(); err != nil {
			t.Error(err)
		}
		b.check(t, 10, 0)
		if c := part(t, r.Stats(), "work"); c.Dropped != 10 || c.Emitted != 10 || len(got.seen) != 10 {
			t.Errorf("work %+v, read %v", c, got.seen)
		}
	})
}

type boxed struct{ Why any }

func TestWireCarriesOrRefuses(t *testing.T) {
	wire := quiet
	wire.Wire = true
	b := newBook(100)
	var got tally[int]
	d := topology.New("test")
	topology.Bolt(topology.Spout(d, "src", b.New).By(grouping.Value), "sink", got.sink(), topology.Parallelism(2))
	if err := cluster.Run(t.Context(), topology.Must(d.Build()), wire); err != nil || len(got.seen) != 100 {
		t.Errorf("%v, got %d", err, len(got.seen))
	}
	b.check(t, 100, 0)
	d = topology.New("test")
	topology.Bolt(topology.Spout(d, "src", spout.FromSlice([]boxed{{1}})).By(grouping.Shuffle), "sink", bolt.Sink(func(context.Context, boxed) error { return nil }))
	if err := cluster.Run(t.Context(), topology.Must(d.Build()), wire); err == nil || !strings.Contains(err.Error(), "boxed.Why") {
		t.Errorf("Run: %v", err)
	}
}

type badCodec struct{}

func (badCodec) Append(dst []byte, v int) ([]byte, error) {
	switch v {
	case 3:
		return nil, errBad
	case 4:
		panic("four")
	}
	return append(dst, byte(v)), nil
}
func (badCodec) Decode(src []byte, v *int) error { *v = int(src[0]); return nil }

func TestTupleThatCannotBeCarriedFails(t *testing.T) {
	wire := quiet
	wire.Wire = true
	b := newBook(10)
	d := topology.New("test")
	topology.Bolt(topology.Spout(d, "src", b.New).Codec(badCodec{}).By(grouping.Value), "sink", sinkOf(func(int) error { return nil }), topology.Parallelism(2))
	if err := cluster.Run(t.Context(), topology.Must(d.Build()), wire); err != nil {
		t.Error(err)
	}
	b.check(t, 8, 2)
}

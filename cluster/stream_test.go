package cluster_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

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

func TestGroupingThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBook(10)
		d := topology.New("test")
		group := func(grouping.Targets) grouping.Chooser[int] {
			return func(v int) int {
				if v == 5 {
					panic("five")
				}
				return 0
			}
		}
		topology.Bolt(topology.Spout(d, "src", b.New).By(group), "sink", sinkOf(func(int) error { return nil }))
		err := start(t, topology.Must(d.Build()), quiet).Wait()
		if te, ok := err.(*cluster.TaskError); !ok || te.Task.Component != "src" || !strings.Contains(err.Error(), "five") {
			t.Errorf("Wait: %v", err)
		}
		b.check(t, len(b.acked), len(b.failed))
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

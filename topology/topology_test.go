package topology_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/codec"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/topology"
)

var numbers = spout.FromSlice([]int{1, 2, 3})

func discard() bolt.Func[int, bolt.None] {
	return func(context.Context, int, *bolt.Collector[bolt.None]) error { return nil }
}

type badTick struct{ bolt.Func[int, int] }

func (badTick) Every() time.Duration                                  { return 0 }
func (badTick) Tick(context.Context, *bolt.Collector[string]) error   { return nil }
func (badTick) Open(bolt.Task) error                                  { return nil }
func (badTick) Close()                                                {}
func (badTick) Drained(context.Context, *bolt.Collector[string]) bool { return true }

type badTrack struct{ spout.Func[int] }

func (badTrack) Ack(uint64)              {}
func (badTrack) Fail(id int, why string) {}

type onlyTick struct{ bolt.Func[int, int] }

func (onlyTick) Tick(context.Context, *bolt.Collector[int]) error { return nil }

type onlyAck struct{ spout.Func[int] }

func (*onlyAck) Ack(uint64) {}

// A tally has methods with a pointer receiver, of which some fit.
type tally struct{ bolt.Func[int, int] }

func (*tally) Open(context.Context, bolt.Task) error               { return nil }
func (tally) Every() time.Duration                                 { return 0 }
func (*tally) Tick(context.Context, *bolt.Collector[int]) error    { return nil }
func (*tally) Drained(context.Context, *bolt.Collector[int]) error { return nil }
func (*tally) Close()                                              {}

func TestEveryMistakeAtOnce(t *testing.T) {
	other := topology.New("other")
	foreign := topology.Spout(other, "foreign", numbers)
	b := topology.New("bad name")
	s := topology.Spout(b, "s", numbers, topology.Parallelism(0), topology.MaxPending(0), topology.Timeout(-1))
	topology.Spout[int](b, "nil", (func() spout.Func[int])(nil))
	topology.Spout(b, "track", func() badTrack { return badTrack{} })
	topology.Spout(b, "ack", func() *onlyAck { return new(onlyAck) })
	topology.Bolt(s.By(grouping.Shuffle), "tick", func() onlyTick { return onlyTick{} })
	topology.Bolt(s.By(grouping.Shuffle), "s", discard, topology.Parallelism(-1))
	topology.Bolt(s.By(grouping.Shuffle), strings.Repeat("x", 65), discard)
	topology.Bolt(s.By(nil), "ungrouped", discard)
	topology.Bolt(s.By(grouping.Shuffle), "tally", func() tally { return tally{} })
	w := topology.Bolt(topology.Merge(s.By(grouping.Shuffle), foreign.By(grouping.Shuffle)), "merge", func() badTick { return badTick{} })
	topology.Side(w, bolt.NewSide[int]("twice"))
	topology.Side(w, bolt.NewSide[int]("twice"))
	topology.Side(w, bolt.NewSide[int]("a.b"))
	_, err := b.Build()
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("error %T %v", err, err)
	}
	for _, e := range joined.Unwrap() {
		var de *topology.DeclError
		if !errors.As(e, &de) {
			t.Errorf("%T is no *DeclError: %v", e, e)
		}
	}
	for _, want := range []string{
		`topology: topology name "bad name" must be`,
		"topology: s: parallelism is 0",
		"topology: s: parallelism is -1",
		"topology: s: max pending is 0",
		"topology: s: timeout is -1ns",
		"topology: s: the name is declared twice",
		"topology: nil: the constructor is nil",
		"topology: track: topology_test.badTrack has a method Ack but is not a spout.Tracker, so it would never be called: have Fail func(int, string), want func(uint64, tuple.Failure)\n",
		"topology: ack: *topology_test.onlyAck has a method Ack but is not a spout.Tracker, so it would never be called: it has no Fail, want func(uint64, tuple.Failure)\n",
		"topology: tick: topology_test.onlyTick has a method Tick but is not a bolt.Ticker[int], so it would never be called: it has no Every, want func() time.Duration\n",
		"topology: tally: topology_test.tally has a method Open but is not a bolt.Opener, so it would never be called: only a pointer has all of it; return a pointer\n",
		"topology: tally: topology_test.tally has a method Every but is not a bolt.Ticker[int], so it would never be called: only a pointer",
		"topology: tally: topology_test.tally has a method Close but is not a io.Closer, so it would never be called: have Close func(), want func() error\n",
		`component name "xxx`,
		"topology: s: the grouping given to By is nil",
		"topology: merge: reads a stream of another builder",
		"topology: merge: topology_test.badTick has a method Every but is not a bolt.Ticker[int], so it would never be called: have Tick func(context.Context, *bolt.Collector[string]) error, want func(context.Context, *bolt.Collector[int]) error\n",
		"topology: merge: topology_test.badTick has a method Open but is not a bolt.Opener, so it would never be called: have Open func(tuple.Task) error, want func(context.Context, tuple.Task) error\n",
		"topology: merge: topology_test.badTick has a method Close but is not a io.Closer",
		"topology: merge: topology_test.badTick has a method Drained but",
		`topology: merge: two side streams are named "twice"`,
		`topology: merge: side name "a.b" must be`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("missing: %s", want)
		}
	}
	if t.Failed() {
		t.Log(err)
	}
}

// TestNil: what is nil is told by Build, and not by every record.
func TestNil(t *testing.T) {
	b := topology.New("t")
	s := topology.Spout(b, "s", numbers, nil)
	ints := s.By(grouping.Shuffle)
	topology.Spout(b, "of", spout.Of[int](nil))
	topology.Spout(b, "seq", spout.FromSeq[int](nil))
	topology.Spout(b, "replay", spout.Replay[int, spout.Func[int]](nil, spout.Retry{}, nil))
	topology.Bolt(ints, "option", discard, nil)
	topology.Bolt(ints, "bolt", bolt.Of[int, int](nil))
	topology.Bolt(ints, "map", bolt.Map[int, int](nil))
	topology.Bolt(ints, "flat", bolt.FlatMap[int, int](nil))
	topology.Bolt(ints, "sink", bolt.Sink[int](nil))
	topology.Bolt(ints, "async", bolt.Async[int, int](1, nil))
	for name, g := range map[string]grouping.Grouping[int]{
		"fields": grouping.Fields[int, int](nil), "partial": grouping.PartialKey[int, int](nil),
		"bytes": grouping.Bytes[int](nil), "direct": grouping.Direct[int](nil),
	} {
		topology.Bolt(topology.Spout(b, name, numbers).By(g), name+"-reader", discard)
	}
	m := topology.Spout(b, "m", numbers).By(grouping.Shuffle)
	topology.Bolt(topology.Map[int, int](m, nil), "mapped", discard)
	topology.Bolt(topology.Merge(topology.Input[int]{}, m), "merged", discard)
	topology.Bolt(topology.Either(m, topology.Input[int]{}), "either", bolt.Sink(func(context.Context, bolt.Either[int, int]) error { return nil }))
	w := topology.Bolt(m, "w", func() bolt.Func[int, int] { return nil })
	topology.Side[int](w, nil)
	topology.Side(topology.Spout(b, "x", numbers), odd)
	w.Codec(nil)
	_, err := b.Build()
	if err == nil {
		t.Fatal("no error")
	}
	got := strings.Split(err.Error(), "\n")
	for line, times := range map[string]int{ // a beginning, and how many lines have it
		"s: an option is nil": 1, "option: an option is nil": 1,
		"of: the constructor is nil": 1, "seq: the constructor is nil": 1, "replay: the constructor is nil": 1,
		"bolt: the constructor is nil": 1, "map: the constructor is nil": 1, "flat: the constructor is nil": 1,
		"sink: the constructor is nil": 1, "async: the constructor is nil": 1,
		"fields: the grouping given to By is nil": 1, "partial: the grouping given to By is nil": 1,
		"bytes: the grouping given to By is nil": 1, "direct: the grouping given to By is nil": 1,
		"m: the function given to Map is nil": 1, "m: is merged with the zero Input": 2,
		"w: the tag given to Side is nil": 1, "w: the codec given to Codec is nil": 1,
		"x: is a spout; only bolts have side streams": 1,
	} {
		n := 0
		for _, l := range got {
			if strings.HasPrefix(l, "topology: "+line) {
				n++
			}
		}
		if n != times {
			t.Errorf("%d times, not %d: %s", n, times, line)
		}
	}
	if t.Failed() {
		t.Log(err)
	}
}

// TestBuiltTopologyDoesNotChange: what is declared after Build is told by the next Build, and
// what another builder reads is told there; neither is in a topology.
func TestBuiltTopologyDoesNotChange(t *testing.T) {
	for _, foreign := range []bool{false, true} {
		b := topology.New("t")
		s := topology.Spout(b, "s", numbers)
		w := topology.Bolt(s.By(grouping.Shuffle), "w", func() bolt.Func[int, int] { return nil })
		topo := topology.Must(b.Build())
		text, fingerprint := topo.String(), topo.Fingerprint()
		late, want := b, []string{
			"topology: s: is given a codec after Build; make another builder for another topology",
			"topology: r: is declared after Build;", "topology: x: is declared after Build;", "topology: w: is asked for a side stream after Build;",
		}
		if foreign {
			late, want = topology.New("late"), []string{"topology: x: reads a stream of another builder"}
		}
		more := topology.Spout(late, "r", numbers)
		topology.Bolt(topology.Merge(more.By(grouping.Shuffle), s.By(grouping.Shuffle), w.By(grouping.Shuffle)), "x", discard)
		if !foreign {
			s.Codec(namedCodec{name: "late"})
			topology.Side(w, odd)
		}
		_, err := late.Build()
		for _, line := range want {
			if err == nil || !strings.Contains(err.Error(), line) {
				t.Errorf("missing: %s\nin: %v", line, err)
			}
		}
		if topo.String() != text || topo.Fingerprint() != fingerprint {
			t.Errorf("it was\n%sand is now\n%s", text, topo)
		}
		for _, n := range topo.Nodes() {
			for _, out := range n.Outputs {
				if out.Read() != (n.Name == "s") {
					t.Errorf("the stream of %s is read: %t", n.Name, out.Read())
				}
			}
		}
	}
}

// TestNoBuilder: where there is no builder to report to, one line says so.
func TestNoBuilder(t *testing.T) {
	var none *topology.Builder
	if _, err := none.Build(); err == nil || err.Error() != "topology: the builder is nil; make one with topology.New" {
		t.Error(err)
	}
	for want, declare := range map[string]func(){
		"topology: a: the builder is nil; make one with topology.New": func() { topology.Spout(none, "a", numbers) },
		"topology: b: reads the zero Input; make one with Stream.By":  func() { topology.Bolt(topology.Input[int]{}, "b", discard) },
		"topology: c: reads the zero Input; make one with Stream.By":  func() { topology.Bolt(topology.Merge[int](), "c", discard) },
		"topology: d: reads the zero Input; make one with Stream.By":  func() { topology.Bolt(topology.Map[int, int](topology.Input[int]{}, nil), "d", discard) },
	} {
		func() {
			defer func() {
				if err, ok := recover().(*topology.DeclError); !ok || err.Error() != want {
					t.Errorf("panic %v, want %s", err, want)
				}
			}()
			declare()
		}()
	}
}

// TestLimits: what is absurd is told before it takes all memory.
func TestLimits(t *testing.T) {
	build := func(tasks, trees int, timeout time.Duration) error {
		b := topology.New("t")
		topology.Spout(b, "s", numbers, topology.Parallelism(tasks), topology.MaxPending(trees), topology.Timeout(timeout))
		_, err := b.Build()
		return err
	}
	if err := build(1<<14, 1<<24, 365*24*time.Hour); err != nil {
		t.Error(err)
	}
	err := build(1<<14+1, 1<<24+1, math.MaxInt64)
	for _, want := range []string{"parallelism is 16385; it must be 1 to 16384", "max pending is 16777217; it must be 1 to 16777216", "timeout is 2562047h47m16.854775807s; it must be positive and at most 8760h0m0s"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("missing: %s\nin: %v", want, err)
		}
	}
}

func TestNoSpout(t *testing.T) {
	if _, err := topology.New("empty").Build(); err == nil || !strings.Contains(err.Error(), "has no spout") {
		t.Error(err)
	}
}

var odd = bolt.NewSide[int]("odd")

type named struct {
	bolt.Func[int, int]
	name string
}

func (n named) Name() string { return n.name }

type namedCodec struct {
	codec.Codec[int]
	name string
}

func (n namedCodec) Name() string { return n.name }

// A shape is what a fingerprint covers.
type shape struct {
	topology, spout, bolt, object, codec string
	readers, workers, pending            int
	timeout                              time.Duration
	untracked, side                      bool
	group                                grouping.Grouping[int]
}

func (c shape) build() *topology.Topology {
	b := topology.New(c.topology)
	opts := []topology.SpoutOption{topology.Parallelism(c.readers), topology.MaxPending(c.pending), topology.Timeout(c.timeout)}
	if c.untracked {
		opts = append(opts, topology.Untracked())
	}
	s := topology.Spout(b, c.spout, numbers, opts...)
	if c.codec != "" {
		s.Codec(namedCodec{codec.JSON[int](), c.codec})
	}
	w := topology.Bolt(s.By(c.group), c.bolt, func() named { return named{name: c.object} }, topology.Parallelism(c.workers))
	topology.Bolt(w.By(grouping.Value), "sink", discard)
	if c.side {
		topology.Bolt(topology.Side(w, odd).By(grouping.Global), "side", discard)
	}
	return topology.Must(b.Build())
}

func base() shape {
	return shape{topology: "t", spout: "read", bolt: "work", object: "o", readers: 2, workers: 3, pending: 10, timeout: time.Second, group: grouping.Shuffle[int]}
}

func TestFingerprintCovers(t *testing.T) {
	want := base().build().Fingerprint()
	if again := base().build().Fingerprint(); again != want || len(want) != 16 {
		t.Errorf("fingerprints %s and %s of equal declarations", want, again)
	}
	seen := map[string]string{want: "nothing"}
	for what, change := range map[string]func(*shape){
		"topology": func(c *shape) { c.topology = "u" }, "spout": func(c *shape) { c.spout = "r" },
		"bolt": func(c *shape) { c.bolt = "w" }, "object": func(c *shape) { c.object = "p" },
		"codec": func(c *shape) { c.codec = "json1" }, "readers": func(c *shape) { c.readers = 3 },
		"workers": func(c *shape) { c.workers = 4 }, "pending": func(c *shape) { c.pending = 11 },
		"timeout": func(c *shape) { c.timeout = 2 * time.Second }, "untracked": func(c *shape) { c.untracked = true },
		"side": func(c *shape) { c.side = true }, "grouping": func(c *shape) { c.group = grouping.Value[int] },
	} {
		c := base()
		change(&c)
		f := c.build().Fingerprint()
		if other, dup := seen[f]; dup {
			t.Errorf("a change of %s has the fingerprint of a change of %s", what, other)
		}
		seen[f] = what
	}
}

func TestPortable(t *testing.T) {
	type failure struct{ Why error }
	b := topology.New("t")
	s := topology.Spout(b, "read", spout.FromSlice([]failure{{}}))
	w := topology.Bolt(s.By(grouping.Shuffle), "work", bolt.Map(func(_ context.Context, f failure) (failure, error) { return f, nil }))
	topology.Bolt(w.By(grouping.Shuffle), "sink", bolt.Sink(func(context.Context, failure) error { return nil }))
	err := topology.Must(b.Build()).Portable()
	if err == nil || !strings.Contains(err.Error(), "topology: read: ") || !strings.Contains(err.Error(), "topology: work: ") || !strings.Contains(err.Error(), "Why") {
		t.Errorf("Portable: %v", err)
	}
	if err := base().build().Portable(); err != nil {
		t.Errorf("Portable: %v", err)
	}
}

func TestMustPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Must did not panic")
		}
	}()
	topology.Must(topology.New("").Build())
}

package topology

import (
	"errors"
	"reflect"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/codec"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/internal/engine"
	"github.com/waterspout/waterspout/spout"
)

// A Stream is what a component emits, to be read by any number of bolts. The
// zero Stream panics when it is used.
type Stream[T any] struct {
	b   *Builder
	out *engine.Output[T]
}

// An Input is what a bolt reads: one stream or several, each with its grouping.
// The zero Input is none, and a mistake: Build reports it among others, and a
// Bolt that reads nothing else panics.
type Input[T any] struct {
	b       *Builder
	sources []engine.Source[T]
}

// Spout declares a source. newSpout is called once per task when the topology
// is started, and must make a new object each time. A nil b panics.
func Spout[T any, S spout.Spout[T]](b *Builder, name string, newSpout func() S, opts ...SpoutOption) Stream[T] {
	n := b.node(name)
	for _, o := range opts {
		if o == nil {
			b.fail(name, errNilOption)
			continue
		}
		o.spout(n)
	}
	if newSpout == nil {
		b.fail(name, errNilConstructor)
	}
	b.checkMethods(name, reflect.TypeFor[S](), opener, closer, tracker)
	n.Probe = func() any { return newSpout() }
	return Stream[T]{b, engine.DeclareSpout(n, func() spout.Spout[T] { return newSpout() })}
}

// Bolt declares a step that reads in. newBolt is called once per task when the
// topology is started, and must make a new object each time, unless the object
// has no state.
func Bolt[I, O any, B bolt.Bolt[I, O]](in Input[I], name string, newBolt func() B, opts ...BoltOption) Stream[O] {
	b := in.b
	if b == nil {
		panic(&DeclError{name, errors.New("reads the zero Input; make one with Stream.By")})
	}
	n := b.node(name)
	for _, o := range opts {
		if o == nil {
			b.fail(name, errNilOption)
			continue
		}
		o.bolt(n)
	}
	if newBolt == nil {
		b.fail(name, errNilConstructor)
	}
	var own []engine.Source[I] // others' topologies, and those that are built, get no reader
	for _, s := range in.sources {
		switch {
		case !b.owns(s.Node()):
			b.fail(name, errors.New("reads a stream of another builder"))
		case !b.built:
			own = append(own, s)
		}
	}
	b.checkMethods(name, reflect.TypeFor[B](), opener, closer, ticker[O](), drainer[O]())
	n.Probe = func() any { return newBolt() }
	return Stream[O]{b, engine.DeclareBolt(n, own, func() bolt.Bolt[I, O] { return newBolt() })}
}

var (
	errNilBuilder     = errors.New("the builder is nil; make one with topology.New")
	errNilConstructor = errors.New("the constructor is nil, as is one made of a nil function")
	errNilOption      = errors.New("an option is nil")
)

func (b *Builder) node(name string) *engine.Node {
	if b == nil {
		panic(&DeclError{name, errNilBuilder})
	}
	n := &engine.Node{Name: name, Parallelism: 1, MaxPending: DefaultMaxPending, Timeout: DefaultTimeout}
	if !b.over(name, "is declared") {
		b.nodes = append(b.nodes, n)
	}
	return n
}

func (b *Builder) owns(n *engine.Node) bool {
	for _, own := range b.nodes {
		if own == n {
			return true
		}
	}
	return false
}

// By groups the stream: g decides which task of the reader gets a value.
func (s Stream[T]) By(g grouping.Grouping[T]) Input[T] {
	if g == nil {
		s.b.fail(s.out.Node().Name, errors.New("the grouping given to By is nil, as is one made of a nil function"))
	}
	return Input[T]{s.b, []engine.Source[T]{engine.From(s.out, label(g), g)}}
}

// Codec chooses what carries the stream between workers; without it codec.Of
// does. It returns s.
func (s Stream[T]) Codec(c codec.Codec[T]) Stream[T] {
	if c == nil {
		s.b.fail(s.out.Node().Name, errors.New("the codec given to Codec is nil"))
	}
	if !s.b.over(s.out.Node().Name, "is given a codec") {
		s.out.SetCodec(c)
	}
	return s
}

// Side is the side stream of the bolt that s comes from: what it emits with
// tag. Asked for twice it is the same stream. T is the type of the bolt's main
// stream.
func Side[U, T any](s Stream[T], tag *bolt.Side[U]) Stream[U] {
	n := s.out.Node()
	if n.Spout {
		s.b.fail(n.Name, errors.New("is a spout; only bolts have side streams"))
	}
	if tag == nil {
		s.b.fail(n.Name, errors.New("the tag given to Side is nil; make one with bolt.NewSide"))
		tag = bolt.NewSide[U]("nil") // so that the declaration can go on
	}
	if s.b.over(n.Name, "is asked for a side stream") {
		n = &engine.Node{Name: n.Name}
	}
	return Stream[U]{s.b, engine.DeclareSide[U](n, tag.Name(), tag)}
}

// Merge is all of ins as one input.
func Merge[T any](ins ...Input[T]) Input[T] {
	var all Input[T]
	zero := false
	for _, in := range ins {
		if all.b == nil {
			all.b = in.b
		}
		zero = zero || in.b == nil
		all.sources = append(all.sources, in.sources...)
	}
	if zero && all.b != nil {
		all.b.fail(all.sources[0].Node().Name, errors.New("is merged with the zero Input; make each with Stream.By"))
	}
	return all
}

// Map is in with f applied to each value, in the task that reads: it costs no
// queue and needs no codec. f must be safe to call from the tasks of the reader
// at once; if it panics the tuple fails.
func Map[T, U any](in Input[T], f func(T) U) Input[U] {
	out := Input[U]{b: in.b}
	for _, s := range in.sources {
		if f == nil {
			in.b.fail(s.Node().Name, errors.New("the function given to Map is nil"))
		}
		out.sources = append(out.sources, engine.Through(s, f))
	}
	return out
}

// Either reads streams of two types in one bolt, each with its own grouping:
// the input of a join.
func Either[L, R any](l Input[L], r Input[R]) Input[bolt.Either[L, R]] {
	return Merge(
		Map(l, func(v L) bolt.Either[L, R] { return bolt.Either[L, R]{Left: v} }),
		Map(r, func(v R) bolt.Either[L, R] { return bolt.Either[L, R]{Right: v, IsRight: true} }),
	)
}

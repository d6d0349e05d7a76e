// Package port is what a Collector and an Emitter need of an engine, and no
// more. It exists so that packages bolt and spout do not know the engine.
//
// The engine implements these interfaces once per task; test kits may, too. A
// port is called from the goroutine that its Collector or Emitter belongs to.
//
//	type recorder[O any] struct{ got []O }
//	func (r *recorder[O]) Emit(v O, also []tuple.Held) { r.got = append(r.got, v) }
//	out := bolt.NewCollector[O](r)
package port

import (
	"context"

	"github.com/waterspout/waterspout/tuple"
)

// An Output takes values of one stream of a bolt's task. Emit anchors v to the
// current input and to the held ones; it does not keep also, and may block for
// back pressure.
type Output[T any] interface {
	Emit(v T, also []tuple.Held)
}

// A Collector is a bolt task's side of an engine: its main stream, its side
// streams, its current input.
type Collector[O any] interface {
	Output[O]
	Anchor
	// Hold takes the current input out of the engine's hands.
	Hold() tuple.Held
	// Go holds the current input and runs f on a goroutine of the engine.
	// What f returns runs on the task's goroutine, with that input as the
	// current one, and its error is the input's outcome. Go blocks while
	// limit calls of f are running; limit 0 is no limit.
	Go(limit int, f func(context.Context) func() error)
}

// An Anchor finds the side streams of a task. Side returns an Output[U] for the
// *bolt.Side[U] given, or nil if nobody reads that stream; then it counts the
// tuple as dropped.
type Anchor interface {
	Side(tag any) any
}

// A Mapper is a bolt that makes one value of each input and does nothing else with it.
// Mapper returns how: then an engine need not call Execute. *out is what it happens to
// be before; in is the engine's. The bolt gives it for itself alone: of is the bolt that
// the engine has, and one of another type, which embeds this one, may do more in its
// Execute, so it gets nil.
type Mapper[I, O any] interface {
	Mapper(of any) func(ctx context.Context, in *I, out *O) error
}

// An Emitter is a spout task's side of an engine.
type Emitter[T any] interface {
	// Emit sends v untracked. It blocks for back pressure and reports false
	// when the spout should return.
	Emit(v T) bool
	// EmitID roots a tree at v. It blocks for back pressure and while too
	// many trees are open, and reports false when the spout should return;
	// then v was not emitted, and neither Ack nor Fail follows.
	EmitID(v T, id uint64) bool
}

// A Bulk is an Emitter that takes many values at once, as spout.Emitter.EmitEach has it.
type Bulk[T any] interface {
	EmitEach(n int, each func(i int, v *T) (id uint64, more bool)) (emitted int)
}

// A Stopper is an Emitter that can be told that its spout is about to return: emits that
// wait, and all later ones, report false. Any goroutine may call Stop, more than once.
type Stopper interface{ Stop() }

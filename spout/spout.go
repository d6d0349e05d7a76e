// Package spout is the contract of sources, and a few small ones.
//
// A [Spout] is a push source: its Run emits until its context ends or it has
// nothing more. Emit sends a value untracked; EmitID roots a tree of tuples at
// it, and a spout that also is a [Tracker] is told exactly once whether that
// tree was acked or failed. The invariant: every EmitID that returned true is
// answered by one Ack or one Fail, when the topology is aborted, too.
//
//	type lines struct{ sc *bufio.Scanner }
//	func (l *lines) Run(ctx context.Context, out *spout.Emitter[string]) error {
//		for l.sc.Scan() && out.Emit(l.sc.Text()) {
//		}
//		return l.sc.Err()
//	}
//
// The engine calls Open, Run and Close of a task from one goroutine, and Ack and
// Fail from another one: beside Run, never beside each other. [Replay] and
// [Feed] hide that edge: with them no lock is needed. The Kafka spout is in
// package kafka, the conformance suite in spout/spouttest.
package spout

import (
	"context"

	"github.com/waterspout/waterspout/internal/port"
	"github.com/waterspout/waterspout/tuple"
)

// The words of package tuple that a spout's author needs.
type (
	Task    = tuple.Task
	Failure = tuple.Failure
	Kind    = tuple.Kind
)

// A Spout is a source of tuples. The engine makes one per task.
type Spout[T any] interface {
	// Run emits until ctx ends. A nil return before that says that the source
	// is exhausted; the topology ends when all its spouts are. An error
	// ends the topology. Run must return soon after ctx ended or after Emit
	// or EmitID reported false.
	//
	// A task that moves to another worker, or whose worker died, begins there
	// with a new object. What was acked before comes again unless the spout
	// keeps its place outside, as Kafka's group does; also if Run had returned,
	// as long as trees of it were open. Only a task that has nothing left to be
	// done is never started again.
	Run(ctx context.Context, out *Emitter[T]) error
}

// A Tracker is a Spout that is told the fate of what it emitted with EmitID:
// one call of Ack or Fail for each. They come from one goroutine of the engine,
// which may run beside Run, and must not block. The calls may come before
// EmitID has returned.
type Tracker interface {
	Ack(id uint64)
	Fail(id uint64, why Failure)
}

// An Opener is a Spout that prepares itself. Open is called once, before any
// tuple flows in the topology; its error is that of cluster.Start. A spout that
// is an io.Closer is closed at the end, after its last Ack or Fail, also when
// the Open of another one failed. ctx lives until then, unless the topology or the task
// is aborted before: Open must return soon after that.
type Opener interface {
	Open(ctx context.Context, task Task) error
}

// A Reporter is a Spout or Bolt that shows details of itself in Stats, such as
// partitions and lag. Detail may be called from any goroutine beside all other
// methods. What tasks report under equal keys is joined.
type Reporter interface {
	Detail() map[string]string
}

// A Repeater is a Spout that emits records again after a failure, and counts how
// often, for Stats. Replayed may be called from any goroutine beside all other
// methods.
type Repeater interface{ Replayed() uint64 }

// A Mover is a Spout with an owner outside, such as a broker's group, that should
// know when a task only goes to another worker. Moved is called before Close, if
// that task goes on elsewhere.
type Mover interface{ Moved() }

// An Emitter sends the tuples of one spout task. It belongs to the goroutine of
// Run. Tuples leave in batches, as soon as the spout blocks or the batch is
// full; there is nothing to flush.
type Emitter[T any] struct{ port port.Emitter[T] }

// NewEmitter is for engines and test kits.
func NewEmitter[T any](p port.Emitter[T]) *Emitter[T] { return &Emitter[T]{p} }

// Emit sends v untracked: at most once. It blocks on back pressure, and reports
// false when Run should return, so that it fits the yield of an iter.Seq.
func (e *Emitter[T]) Emit(v T) bool { return e.port.Emit(v) }

// EmitID sends v as the root of a tree. It blocks on back pressure and while
// MaxPending trees are open. False says that Run should return and that v was
// not emitted; there will be no Ack or Fail for it. Ids are the spout's own;
// the engine only hands them back.
func (e *Emitter[T]) EmitID(v T, id uint64) bool { return e.port.EmitID(v, id) }

// stop has emits that wait return, for the error that this spout is about to return must
// not wait behind them.
func (e *Emitter[T]) stop() {
	if s, ok := e.port.(port.Stopper); ok {
		s.Stop()
	}
}

// EmitEach is EmitID for up to n values, at a fraction of its cost: for each i from 0
// it has each set *v, which is zero or an earlier value, and say the id. It returns how
// many were emitted: fewer than n if each said that there are no more, or if Run should
// return. each must not use the Emitter.
func (e *Emitter[T]) EmitEach(n int, each func(i int, v *T) (id uint64, more bool)) (emitted int) {
	if bulk, ok := e.port.(port.Bulk[T]); ok {
		return bulk.EmitEach(n, each)
	}
	var v T
	for i := range n {
		if id, more := each(i, &v); !more || !e.port.EmitID(v, id) {
			return i
		}
	}
	return n
}

// Func is a function as a Spout.
type Func[T any] func(ctx context.Context, out *Emitter[T]) error

// Run calls f.
func (f Func[T]) Run(ctx context.Context, out *Emitter[T]) error { return f(ctx, out) }

// Of makes a constructor of f. All tasks share f. Of a nil f comes a nil constructor,
// which topology.Builder.Build reports; so it is of [FromSeq] and [Replay].
func Of[T any](f func(ctx context.Context, out *Emitter[T]) error) func() Func[T] {
	if f == nil {
		return nil
	}
	return func() Func[T] { return f }
}

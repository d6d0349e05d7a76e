// Package bolt is the contract of the steps of a topology, and a few small ones.
//
// A [Bolt] is called with one value at a time and emits what it makes of it.
// Returning nil acks the input, returning an error fails it, and the spout
// replays just that record. What Execute emits is anchored to its input: the
// invariant is that a record counts as done only when everything derived from
// it is.
//
//	type split struct{}
//	func (split) Execute(_ context.Context, line string, out *bolt.Collector[string]) error {
//		for w := range strings.FieldsSeq(line) { out.Emit(w) }
//		return nil
//	}
//
// One goroutine calls Open, Execute, Tick, Drained and Close of a task, so a
// bolt needs no locks. The outcome of an input can be an error ([Drop],
// [Reject], [Fatal]), can be postponed ([Collector.Hold]) or come from a
// goroutine ([Collector.Go], [Async]). The Kafka writer bolt is in package
// kafka, Avro decoders and encoders in package avro, the test kit in
// bolt/bolttest.
package bolt

import (
	"context"
	"time"

	"github.com/waterspout/waterspout/tuple"
)

// The words of package tuple that a bolt's author needs.
type (
	Task = tuple.Task
	Held = tuple.Held
)

// None is the output of a bolt that emits nothing.
type None = struct{}

// A Bolt is a step of a topology. The engine makes one per task.
type Bolt[I, O any] interface {
	// Execute handles one input. Nil acks it, unless it was held; an error
	// fails it, and the spout emits the record again. A panic fails it with
	// its stack; sixteen in a row within a second end the topology. The input
	// belongs to the bolt as far as its type says: what it points to may be
	// shared with other receivers of the same tuple and must not be written.
	//
	// ctx does not end when the topology begins to drain, as by SIGTERM: what is
	// open then is to be finished. It ends when the grace is over, when the
	// topology fails, or when its worker has lost its place in the cluster.
	Execute(ctx context.Context, in I, out *Collector[O]) error
}

// An Opener is a Bolt that prepares itself. Open is called once, before any
// tuple flows in the topology; its error is that of cluster.Start. A bolt that
// is an io.Closer is closed at the end, also when another Open failed. ctx lives until
// then, unless the topology or the task is aborted before: Open must return soon after
// that.
type Opener interface {
	Open(ctx context.Context, task Task) error
}

// A Ticker is a Bolt that acts by time. Tick is called about every Every(), which
// is asked once, after Open; what is less than a millisecond counts as one. The
// call is on the task's goroutine; while the topology drains at once and then every
// second until no tree is open, and once more at the end, upstream first, so
// that what a bolt holds is flushed (rules D2 and T4). What it emits is anchored
// to the held inputs it names and to nothing else. An error or a panic is logged,
// and counted as "ticks failed" in the Counters of cluster.Stats.
type Ticker[O any] interface {
	Every() time.Duration
	Tick(ctx context.Context, out *Collector[O]) error
}

// A Drainer is a Bolt that collects inputs to send them on together. Drained is
// called when the task has no more input at the moment; it replaces a linger
// timer. A bolt that is never idle sends by size. An error or a panic is logged,
// and counted as "drained calls failed" in the Counters of cluster.Stats.
type Drainer[O any] interface {
	Drained(ctx context.Context, out *Collector[O]) error
}

// An Either is one of two inputs of a bolt that reads two streams, made with
// topology.Either.
type Either[L, R any] struct {
	Left    L
	Right   R
	IsRight bool
}

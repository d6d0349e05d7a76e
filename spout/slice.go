package spout

import (
	"context"
	"iter"
)

// A Slice emits its share of a slice. [FromSlice] makes it.
type Slice[T any] struct {
	vs   []T
	task Task
}

// FromSlice makes a constructor of spouts that split vs among their tasks: task i
// of n emits the values at i, i+n, i+2n and so on, in that order. The slice is
// shared and must not be changed while the topology runs.
//
// Every value roots a tree, so that the topology waits for all that came of it
// and counts its failures. Failed values are not emitted again; [Replay] around
// it does that. A task that moves to another worker begins its share again: see
// [Spout].
func FromSlice[T any](vs []T) func() *Slice[T] {
	return func() *Slice[T] { return &Slice[T]{vs: vs} }
}

// Open notes which share is this task's. Without it the task is the only one.
func (s *Slice[T]) Open(_ context.Context, task Task) error {
	s.task = task
	return nil
}

// Run emits the task's share.
func (s *Slice[T]) Run(_ context.Context, out *Emitter[T]) error {
	for i := s.task.Index; i < len(s.vs); i += max(s.task.Count, 1) {
		if !out.EmitID(s.vs[i], uint64(i)) {
			break
		}
	}
	return nil
}

// FromSeq makes a constructor of spouts that emit a sequence. Every task runs the
// whole of it, each its own run, so that seq is called from several goroutines if
// there are several tasks. The values root trees as those of [FromSlice] do, are not
// emitted again when they fail, and all come again when a task moves. A sequence that
// blocks between two values keeps the topology from ending; where that can happen,
// write a [Func] that watches its context.
func FromSeq[T any](seq iter.Seq[T]) func() Func[T] {
	if seq == nil {
		return nil
	}
	return Of(func(_ context.Context, out *Emitter[T]) error {
		var id uint64
		for v := range seq {
			if !out.EmitID(v, id) {
				break
			}
			id++
		}
		return nil
	})
}

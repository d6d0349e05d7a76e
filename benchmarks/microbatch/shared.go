package microbatch

import "sync/atomic"

// A Broadcast is a value that all tasks share. In a cluster it would be sent to
// each machine once; here it is told apart from what a function happens to capture.
type Broadcast[T any] struct{ value T }

// NewBroadcast shares a value. Its methods are called by tasks in parallel.
func NewBroadcast[T any](value T) *Broadcast[T] { return &Broadcast[T]{value} }

// Value is what was shared.
func (b *Broadcast[T]) Value() T { return b.value }

// An Accumulator is a named sum that tasks add to. What a task added that failed
// stays in it, so it counts attempts.
type Accumulator struct {
	name string
	sum  atomic.Int64
}

// Accumulator makes an accumulator that begins at 0.
func (ssc *StreamingContext) Accumulator(name string) *Accumulator {
	a := &Accumulator{name: name}
	ssc.accumulators = append(ssc.accumulators, a)
	return a
}

// Accumulators are all that were made, in order.
func (ssc *StreamingContext) Accumulators() []*Accumulator { return ssc.accumulators }

// Name is what it was made with.
func (a *Accumulator) Name() string { return a.name }

// Add adds n. Tasks that add for each record contend; those that have many add what
// they counted.
func (a *Accumulator) Add(n int64) { a.sum.Add(n) }

// Value is the sum of now.
func (a *Accumulator) Value() int64 { return a.sum.Load() }

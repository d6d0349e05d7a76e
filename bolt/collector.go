package bolt

import (
	"context"

	"github.com/waterspout/waterspout/internal/port"
	"github.com/waterspout/waterspout/tuple"
)

// A Collector sends what one bolt task makes. It belongs to the task's
// goroutine: Execute, Tick, Drained and what Go returns may use it, and only
// during the call. Tuples leave in batches, as soon as the task has nothing more
// to do or the batch is full.
type Collector[O any] struct {
	port port.Collector[O]
	also []tuple.Held // reused, so that the caller's variadic slice stays on its stack
}

// NewCollector is for engines and test kits.
func NewCollector[O any](p port.Collector[O]) *Collector[O] { return &Collector[O]{port: p} }

// Emit sends v, anchored to the current input, if there is one, and to the held
// ones given: they are done only when v is. An emit that is anchored to a held
// input which already ended is not sent for that one's tree, is counted, and
// fails the current input (rule T1). If the grouping finds no task for v, or panics,
// the current input and the held ones given fail (rule E3). Emit blocks on back
// pressure.
func (c *Collector[O]) Emit(v O, also ...Held) {
	if len(also) == 0 {
		c.port.Emit(v, nil)
		return
	}
	c.also = append(c.also[:0], also...)
	c.port.Emit(v, c.also)
}

// Hold keeps the current input open after Execute returned nil, until the
// result's Ack or Fail. An error from Execute still fails it. Held inputs count
// as pending at the spout, so a bolt must not hold for ever: see [Ticker].
// Called twice for one input it returns the same Held; without a current input
// it returns the zero Held.
func (c *Collector[O]) Hold() Held { return c.port.Hold() }

// Go holds the current input and calls f on a goroutine, which the task waits
// for at its end. What f returns is called on the task's goroutine with the
// same input as the current one, so it may emit; its error, nil included, is
// the input's outcome. If f returns nil the input is acked. Of several calls for one
// input, also of those that a result begins, the last gives the outcome, or the first
// that fails. f's ctx ends when that of Execute does, which is not when the topology
// begins to drain.
//
// Nothing but MaxPending of the spouts bounds how many run at once, and nothing at
// all bounds those that Tick starts; [Async] has a limit.
func (c *Collector[O]) Go(f func(ctx context.Context) func(*Collector[O]) error) {
	c.goLimit(0, f)
}

func (c *Collector[O]) goLimit(limit int, f func(context.Context) func(*Collector[O]) error) {
	c.port.Go(limit, func(ctx context.Context) func() error {
		then := f(ctx)
		if then == nil {
			return nil
		}
		return func() error { return then(c) }
	})
}

func (c *Collector[O]) side(tag any) any { return c.port.Side(tag) }

// An Anchor is any Collector, whatever it collects.
type Anchor interface{ side(tag any) any }

// A Side names a second output stream of a bolt. Make one with [NewSide] in a
// package variable, emit on it in the bolt, and read it with topology.Side.
type Side[U any] struct{ name string }

// NewSide makes a side stream of the given name, for use by any bolts.
func NewSide[U any](name string) *Side[U] { return &Side[U]{name} }

// Name is the side's name.
func (s *Side[U]) Name() string { return s.name }

// Emit sends v on the side stream of the task that out belongs to, anchored as
// Collector.Emit does. A side that nobody reads drops v, which is counted.
func (s *Side[U]) Emit(out Anchor, v U, also ...Held) {
	if o, ok := out.side(s).(port.Output[U]); ok {
		o.Emit(v, append([]Held(nil), also...))
	}
}

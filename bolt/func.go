package bolt

import (
	"context"
	"iter"
)

// Func is a function as a Bolt.
type Func[I, O any] func(ctx context.Context, in I, out *Collector[O]) error

// Execute calls f.
func (f Func[I, O]) Execute(ctx context.Context, in I, out *Collector[O]) error {
	return f(ctx, in, out)
}

// Of makes a constructor of f. All tasks share f. Of a nil f, here and below, comes
// a nil constructor, which topology.Builder.Build reports.
func Of[I, O any](f func(context.Context, I, *Collector[O]) error) func() Func[I, O] {
	if f == nil {
		return nil
	}
	return func() Func[I, O] { return f }
}

// Mapping is a function of one value to one value as a Bolt.
type Mapping[I, O any] func(ctx context.Context, in I) (O, error)

// Map makes a bolt that emits f of each input. An error fails the input and
// emits nothing. All tasks share f.
func Map[I, O any](f func(context.Context, I) (O, error)) func() Mapping[I, O] {
	if f == nil {
		return nil
	}
	return func() Mapping[I, O] { return f }
}

// Execute emits f of in.
func (f Mapping[I, O]) Execute(ctx context.Context, in I, out *Collector[O]) error {
	v, err := f(ctx, in)
	if err != nil {
		return err
	}
	out.Emit(v)
	return nil
}

// Mapper is for the engine, which calls f without a Collector where it can.
func (f Mapping[I, O]) Mapper(of any) func(context.Context, *I, *O) error {
	if _, itself := of.(Mapping[I, O]); !itself {
		return nil
	}
	return func(ctx context.Context, in *I, out *O) (err error) {
		*out, err = f(ctx, *in)
		return err
	}
}

// FlatMap makes a bolt that emits each value of f of each input.
func FlatMap[I, O any](f func(I) iter.Seq[O]) func() Func[I, O] {
	if f == nil {
		return nil
	}
	return Of(func(_ context.Context, in I, out *Collector[O]) error {
		for v := range f(in) {
			out.Emit(v)
		}
		return nil
	})
}

// Sink makes a bolt that emits nothing.
func Sink[I any](f func(context.Context, I) error) func() Func[I, None] {
	if f == nil {
		return nil
	}
	return Of(func(ctx context.Context, in I, _ *Collector[None]) error { return f(ctx, in) })
}

// Async makes a bolt that calls f on goroutines, up to n at a time per task (less
// than 1 is 1), and emits the results in the order in which they come. Results and
// outcomes are handled as by [Map]; f must be safe for concurrent use.
func Async[I, O any](n int, f func(context.Context, I) (O, error)) func() Func[I, O] {
	if f == nil {
		return nil
	}
	return Of(func(_ context.Context, in I, out *Collector[O]) error {
		out.goLimit(max(n, 1), func(ctx context.Context) func(*Collector[O]) error {
			v, err := f(ctx, in)
			return func(out *Collector[O]) error {
				if err == nil {
					out.Emit(v)
				}
				return err
			}
		})
		return nil
	})
}

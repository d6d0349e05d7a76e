package spouttest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/tuple"
)

const (
	endless  = 200 // emits after which a spout that goes on has shown enough
	trailing = 8   // emits after a refusal that its other goroutines may have begun
)

// A check plays one life of a spout. Its error is what the spout did wrong.
type check[T any] func(s *suite, sp spout.Spout[T]) error

func checks[T any]() map[string]check[T] {
	return map[string]check[T]{
		"stop":     stop[T],
		"refused":  refused[T],
		"ended":    ended[T],
		"unused":   unused[T],
		"outcomes": func(s *suite, sp spout.Spout[T]) error { return outcomes(s, sp, false) },
		"failures": func(s *suite, sp spout.Spout[T]) error { return outcomes(s, sp, true) },
	}
}

// stop ends the context while the spout waits for room.
func stop[T any](s *suite, sp spout.Spout[T]) error {
	e := newEngine(s, sp)
	e.limit = 2
	return e.live(func(ctx context.Context, cancel context.CancelFunc) error {
		e.waitIdle()
		cancel()
		e.refuse()
		if err := e.returned(ctx); err != nil {
			return fmt.Errorf("after the context ended: %w", err)
		}
		e.settleOpen() // some with an Ack, some with a Fail
		return e.tooMany()
	})
}

// refused has an emit report false while the context goes on.
func refused[T any](s *suite, sp spout.Spout[T]) error {
	e := newEngine(s, sp)
	e.accept = 1
	return e.live(func(ctx context.Context, cancel context.CancelFunc) error {
		defer cancel()
		if !e.waitRefused() {
			cancel() // it emits too little to be refused, or waits for us
		}
		if err := e.returned(ctx); err != nil {
			return fmt.Errorf("after an emit reported false: %w", err)
		}
		e.settleOpen()
		return e.tooMany()
	})
}

// ended runs the spout with a context that has ended.
func ended[T any](s *suite, sp spout.Spout[T]) error {
	e := newEngine(s, sp)
	e.accept = 0
	e.before = true
	return e.live(func(ctx context.Context, _ context.CancelFunc) error {
		if err := e.returned(ctx); err != nil {
			return fmt.Errorf("with a context that has ended: %w", err)
		}
		return e.tooMany()
	})
}

// unused opens and closes only, as when another component does not open.
func unused[T any](s *suite, sp spout.Spout[T]) error {
	e := newEngine(s, sp)
	e.unused = true
	return e.live(func(context.Context, context.CancelFunc) error { return nil })
}

// outcomes settles every tree; with fails each second one fails.
func outcomes[T any](s *suite, sp spout.Spout[T], fails bool) error {
	e := newEngine(s, sp)
	e.limit = 3
	e.acker(fails)
	return e.live(func(ctx context.Context, cancel context.CancelFunc) error {
		defer cancel()
		if s.count < 0 {
			err := e.waitSettled(endless)
			cancel()
			e.refuse()
			return errors.Join(err, e.returned(ctx))
		}
		if err := e.returned(ctx); err != nil {
			return fmt.Errorf("it should be exhausted after %d values: %w", s.count, err)
		}
		_, emitted := e.counts()
		switch {
		case !fails && emitted != s.count:
			return fmt.Errorf("exhausted after %d values, want %d", emitted, s.count)
		case emitted < s.count:
			return fmt.Errorf("exhausted after %d emits, want at least %d", emitted, s.count)
		}
		return nil
	})
}

// returned waits for Run and judges its error.
func (e *engine[T]) returned(ctx context.Context) error {
	timer := time.NewTimer(e.suite.within)
	defer timer.Stop()
	select {
	case <-e.running.over:
	case <-timer.C:
		return fmt.Errorf("run did not return within %v", e.suite.within)
	}
	if err := *e.running.err; err != nil && (ctx.Err() == nil || !errors.Is(err, ctx.Err())) {
		return fmt.Errorf("run returned %w", err)
	}
	return nil
}

var failure = tuple.Failure{Kind: tuple.Error, Component: "spouttest", Text: "each second tree fails"}

package spouttest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/tuple"
)

// A stage is Open, Run or Close, which the task's goroutine plays when it is told to.
type stage struct {
	begin chan bool // of capacity 1; false, or closed: it is left out
	over  chan struct{}
	err   *error // once over is closed
}

func newStage() stage {
	return stage{begin: make(chan bool, 1), over: make(chan struct{}), err: new(error)}
}

func (s stage) isOver() bool {
	select {
	case <-s.over:
		return true
	default:
		return false
	}
}

// do has the stage played, and waits for its end.
func (s stage) do() error {
	s.begin <- true
	<-s.over
	return *s.err
}

// play waits for its turn and calls f. A panic is an error.
func (s stage) play(f func() error) {
	defer close(s.over)
	if !<-s.begin {
		return
	}
	defer func() {
		if r := recover(); r != nil {
			*s.err = fmt.Errorf("a panic: %v\n%s", r, debug.Stack())
		}
	}()
	*s.err = f()
}

// task is the goroutine of a spout's Open, Run and Close. The later ones are deferred:
// user code may end the goroutine, as t.Fatal does, and so does an emit that is hopeless.
func (e *engine[T]) task(ctx context.Context) {
	defer e.closing.play(func() error {
		if c, ok := e.spout.(io.Closer); ok {
			return c.Close()
		}
		return nil
	})
	defer e.running.play(func() error { return e.spout.Run(ctx, spout.NewEmitter(e)) })
	e.opening.play(func() error {
		if o, ok := e.spout.(spout.Opener); ok {
			return o.Open(ctx, tuple.Task{Topology: "spouttest", Component: "spout", Count: 1, Log: slog.New(slog.DiscardHandler)})
		}
		return nil
	})
}

// live leads the spout through its life and has script play beside Run.
func (e *engine[T]) live(script func(context.Context, context.CancelFunc) error) (err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	outside, leave := context.WithCancel(context.Background())
	var beside sync.WaitGroup
	defer beside.Wait()
	defer leave()
	if e.suite.drive != nil {
		beside.Go(func() { e.suite.drive(outside) })
	}
	defer close(e.running.begin)
	defer close(e.closing.begin)
	go e.task(ctx) // ends by itself, or returned says that it did not
	if err := e.opening.do(); err != nil {
		return fmt.Errorf("open: %w", err)
	}
	if r, ok := e.spout.(spout.Reporter); ok {
		beside.Go(func() { report(outside, r) })
	}
	if e.before {
		cancel()
	}
	e.running.begin <- !e.unused
	if err = script(ctx, cancel); !e.unused && !e.running.isOver() {
		e.set(func() { e.stopped, e.refusing = true, true })
		return err // it still runs: closing it now would only hide that
	}
	e.stopAcker()
	if cerr := e.closing.do(); cerr != nil {
		err = errors.Join(err, fmt.Errorf("close: %w", cerr))
	}
	return errors.Join(err, e.twice)
}

// report reads the details, as Stats does, until ctx ends.
func report(ctx context.Context, r spout.Reporter) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		r.Detail()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

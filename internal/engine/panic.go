package engine

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/waterspout/waterspout/tuple"
)

// caught is a panic's value as a failure: what it says on one line, and the stack below.
func caught(p any) tuple.Failure {
	what := strings.ReplaceAll(fmt.Sprint(p), "\n", "; ")
	return tuple.Failure{Kind: tuple.Panic, Text: what + "\n" + string(debug.Stack())}
}

// protect calls f and makes a panic an error: also one of the error's own, since its
// methods are user code as well.
func protect(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = caught(p)
		}
	}()
	if err = f(); err != nil {
		_ = err.Error()
	}
	return err
}

// contain makes a panic in what the error of a function that defers it.
func contain(what string, err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%s: %w", what, caught(p))
	}
}

// logStack logs the stack of the panic that err is of, if it is of one: errors are one
// line.
func (r *Run) logStack(err error) {
	if f, ok := errors.AsType[tuple.Failure](err); ok && f.Kind == tuple.Panic {
		what, stack, _ := strings.Cut(f.Text, "\n")
		r.log.Error("user code panicked", "topology", r.name, "panic", what, "stack", stack)
	}
}

// logPanic logs the nth panic of a task's inputs or emits, which are counted: the spout is
// told of each, the log has the first, second, fourth and so on.
func logPanic(t tuple.Task, what string, n uint64, f tuple.Failure) {
	if n&(n-1) == 0 {
		panicked, stack, _ := strings.Cut(f.Text, "\n")
		t.Log.Error(what, "panics", n, "panic", panicked, "stack", stack)
	}
}

func (c *boltCore) logPanic(f tuple.Failure) {
	logPanic(c.info, "bolt panicked", c.failed[tuple.Panic].Load(), f)
}

const (
	maxPanics  = 16 // in a row and within panicStorm, before the topology ends
	panicStorm = time.Second
)

// A storm is the panics of a task in a row. Whatever does not panic sets their number to 0.
type storm struct {
	panics int
	since  int64 // when the first of them was, in run time
}

// add counts a panic, and returns an error if it is one too many. A task that does nothing
// but panic ends the topology, so that it is started afresh; a record that panics whenever
// it is replayed, with a back-off, does not.
func (s *storm) add(f tuple.Failure, now int64) error {
	if s.panics == 0 {
		s.since = now
	}
	if s.panics++; s.panics < maxPanics {
		return nil
	}
	s.panics = 0
	if now-s.since >= int64(panicStorm) {
		return nil
	}
	what, _, _ := strings.Cut(f.Text, "\n")
	return fmt.Errorf("panicked %d times in a row, last: %s; the log has the stack", maxPanics, what)
}

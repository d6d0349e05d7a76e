package engine

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

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

// logPanic logs the panic of an input, which is counted: the spout is told of each, the
// log has the first, second, fourth and so on.
func (c *boltCore) logPanic(f tuple.Failure) {
	if n := c.failed[tuple.Panic].Load(); n&(n-1) == 0 {
		what, stack, _ := strings.Cut(f.Text, "\n")
		c.info.Log.Error("bolt panicked", "panics", n, "panic", what, "stack", stack)
	}
}

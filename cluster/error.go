package cluster

import (
	"errors"
	"fmt"

	"github.com/waterspout/waterspout/internal/engine"
	"github.com/waterspout/waterspout/tuple"
)

// A TaskError is an error of one task that ended the topology, or kept it from
// starting.
type TaskError struct {
	Task tuple.Task
	Err  error
}

// Error is component/task and the error.
func (e *TaskError) Error() string { return fmt.Sprintf("%v: %v", e.Task, e.Err) }

// Unwrap is the task's error.
func (e *TaskError) Unwrap() error { return e.Err }

// An AbandonedError says that the topology ended while trees of tuples were
// open. Their spouts were told with kind Shutdown; their records were not acked
// and will be read again.
type AbandonedError struct{ Open int }

// Error is one line.
func (e *AbandonedError) Error() string {
	return fmt.Sprintf("ended with %d trees of tuples still open; their records were not acked", e.Open)
}

// taskErrors gives the engine's errors the types of this package, and leaves all
// others as they are.
func taskErrors(err error) error {
	switch e := err.(type) {
	case *engine.TaskError:
		return &TaskError{e.Task, e.Err}
	case *engine.AbandonedError:
		return &AbandonedError{e.Open}
	case interface{ Unwrap() []error }:
		if _, task := errors.AsType[*engine.TaskError](err); task || abandoned(err) || len(e.Unwrap()) == 1 {
			return joined(e.Unwrap())
		}
	}
	return err
}

func abandoned(err error) bool {
	_, ok := errors.AsType[*engine.AbandonedError](err)
	return ok
}

func joined(errs []error) error {
	if len(errs) == 1 {
		return taskErrors(errs[0])
	}
	out := make([]error, len(errs))
	for i := range errs {
		out[i] = taskErrors(errs[i])
	}
	return errors.Join(out...)
}

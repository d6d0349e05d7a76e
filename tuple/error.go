package tuple

import "fmt"

// A TaskError is an error of one task that ended a topology, or kept it from
// starting.
type TaskError struct {
	Task Task
	Err  error
}

// Error is component/task and the error.
func (e *TaskError) Error() string { return fmt.Sprintf("%v: %v", e.Task, e.Err) }

// Unwrap is the task's error.
func (e *TaskError) Unwrap() error { return e.Err }

// An AbandonedError says that a topology ended while trees of tuples were open.
// Their spouts were told with kind Shutdown; their records were not acked, and a
// source that keeps them offers them again.
type AbandonedError struct{ Open int }

// Error is one line.
func (e *AbandonedError) Error() string {
	return fmt.Sprintf("ended with %d trees of tuples still open; their records were not acked", e.Open)
}

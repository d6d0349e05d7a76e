package bolt

import "errors"

type outcome uint8

const (
	dropped outcome = iota + 1
	rejected
	fatal
)

type outcomeError struct {
	error
	outcome outcome
}

func (e outcomeError) Unwrap() error { return e.error }

func wrap(err error, o outcome) error {
	if err == nil {
		return nil
	}
	return outcomeError{err, o}
}

// Drop acks the input although it came to nothing, and counts it as dropped.
// Drop(nil) is nil.
func Drop(err error) error { return wrap(err, dropped) }

// Reject fails the input for good: the spout does not retry it, and writes the
// original record to its dead letter if it has one. Reject(nil) is nil.
func Reject(err error) error { return wrap(err, rejected) }

// Fatal fails the input and ends the topology with err. Fatal(nil) is nil.
func Fatal(err error) error { return wrap(err, fatal) }

// IsDrop reports whether err came from [Drop].
func IsDrop(err error) bool { return is(err, dropped) }

// IsReject reports whether err came from [Reject].
func IsReject(err error) bool { return is(err, rejected) }

// IsFatal reports whether err came from [Fatal].
func IsFatal(err error) bool { return is(err, fatal) }

func is(err error, o outcome) bool {
	e, ok := errors.AsType[outcomeError](err)
	return ok && e.outcome == o
}

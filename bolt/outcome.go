package bolt

import "slices"

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

// IsDrop reports whether err came from [Drop]. Of several errors that were joined all must
// have: one that wants the input again, or the topology to end, is not overruled.
func IsDrop(err error) bool {
	switch e := err.(type) {
	case outcomeError:
		return e.outcome == dropped
	case interface{ Unwrap() error }:
		return IsDrop(e.Unwrap())
	case interface{ Unwrap() []error }:
		all := e.Unwrap()
		return len(all) > 0 && !slices.ContainsFunc(all, func(err error) bool { return !IsDrop(err) })
	}
	return false
}

// IsReject reports whether err came from [Reject].
func IsReject(err error) bool { return is(err, rejected) }

// IsFatal reports whether err came from [Fatal].
func IsFatal(err error) bool { return is(err, fatal) }

func is(err error, o outcome) bool {
	switch e := err.(type) {
	case outcomeError:
		return e.outcome == o || is(e.error, o)
	case interface{ Unwrap() error }:
		return is(e.Unwrap(), o)
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(e.Unwrap(), func(err error) bool { return is(err, o) })
	}
	return false
}

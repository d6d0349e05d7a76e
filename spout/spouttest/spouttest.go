// Package spouttest is the conformance suite for authors of spouts: it plays the
// engine and checks what the contract of package spout asks for.
//
//	func TestLines(t *testing.T) {
//		spouttest.Run(t, func() *lines { return newLines("a\nb\n") }, spouttest.Exhausts(2))
//	}
//
// The invariant of the kit is the engine's: Open, Run and Close come in this order
// from one goroutine; each EmitID that returned true gets exactly one Ack or Fail,
// from one other goroutine, and some before EmitID returned; Detail is called beside all
// of them. Run it with -race.
//
// Each check has a fresh spout and runs in virtual time, so that a spout that waits
// costs nothing and one that does not stop is found at once. A spout that talks to
// the world outside needs [RealTime].
package spouttest

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/spout"
)

// An Option says what the suite cannot know of a spout.
type Option func(*suite)

type suite struct {
	count  int // values before it is exhausted, or -1
	drive  func(context.Context)
	real   bool
	within time.Duration
}

// Exhausts says that one task alone emits n values and ends with nil when all of them
// are acked. Without it the spout goes on, for ever or until it returns; unless there is a
// Drive, the kit takes one that neither emits nor returns, for an hour in which all trees
// have ended (a minute at most with RealTime), for one that has lost its way.
func Exhausts(n int) Option { return func(s *suite) { s.count = n } }

// Drive runs f on a goroutine beside each check, for a spout that is filled from
// outside. It starts after the constructor was called and must return when its
// context ends, which is after Close.
func Drive(f func(ctx context.Context)) Option { return func(s *suite) { s.drive = f } }

// RealTime has the checks run on the real clock, outside of a synctest bubble; the
// spout has the given time for what it does.
func RealTime(within time.Duration) Option {
	return func(s *suite) { s.real, s.within = true, within }
}

// Run checks the spouts that newSpout makes, in subtests:
//
//   - stop: Run returns after its context ended, whatever it was doing, and does not
//     keep on emitting; outcomes after that do no harm;
//   - refused: Run returns after an emit reported false;
//   - ended: Run returns if its context has ended before;
//   - unused: a spout may be closed that was opened and never run;
//   - outcomes: the spout goes on when every tree is acked, also before its EmitID
//     returned, and ends by itself if it Exhausts, after that many acks;
//   - failures: the same if each second tree fails; how often it emits is its own.
func Run[T any, S spout.Spout[T]](t *testing.T, newSpout func() S, opts ...Option) {
	t.Helper()
	s := &suite{count: -1, within: time.Hour}
	for _, o := range opts {
		o(s)
	}
	for name, check := range checks[T]() {
		t.Run(name, func(t *testing.T) {
			if s.real {
				verdict(t, s, newSpout, check)
				return
			}
			synctest.Test(t, func(t *testing.T) { verdict(t, s, newSpout, check) })
		})
	}
}

func verdict[T any, S spout.Spout[T]](t *testing.T, s *suite, newSpout func() S, check check[T]) {
	t.Helper()
	if err := check(s, newSpout()); err != nil {
		t.Fatal(err)
	}
}

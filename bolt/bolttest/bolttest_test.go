package bolttest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/bolt/bolttest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRunKeepsTheOrder(t *testing.T) {
	got := bolttest.Run(t, bolt.FlatMap(strings.FieldsSeq), "to be", "or not")
	if want := []string{"to", "be", "or", "not"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A sum holds its inputs until the tick that the end brings.
type sum struct {
	n      int
	held   []bolt.Held
	opened bool
}

func (s *sum) Open(context.Context, bolt.Task) error { s.opened = true; return nil }
func (s *sum) Every() time.Duration                  { return time.Hour }

func (s *sum) Execute(_ context.Context, v int, out *bolt.Collector[int]) error {
	if !s.opened {
		return errors.New("not opened")
	}
	s.n += v
	s.held = append(s.held, out.Hold())
	return nil
}

func (s *sum) Tick(_ context.Context, out *bolt.Collector[int]) error {
	if len(s.held) > 0 {
		out.Emit(s.n, s.held...)
		for _, h := range s.held {
			h.Ack()
		}
		s.held = nil
	}
	return nil
}

func TestTicksAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := bolttest.Run(t, func() *sum { return new(sum) }, 1, 2, 3)
		if len(got) == 0 || got[len(got)-1] != 6 {
			t.Errorf("got %v, want the sum 6", got)
		}
	})
}

func TestOutcomes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got, failures := bolttest.Outcomes(t, bolt.Of(func(_ context.Context, v int, out *bolt.Collector[int]) error {
			switch v {
			case 1:
				return bolt.Reject(errors.New("one"))
			case 2:
				out.Hold()
			case 3:
				panic("three")
			}
			out.Emit(v)
			return nil
		}), 0, 1, 2, 3, 4)
		if !slices.Equal(got, []int{0, 2, 4}) || len(failures) != 3 ||
			failures[1].Kind.String() != "rejected" || failures[2].Kind.String() != "timeout" || failures[3].Kind.String() != "panic" {
			t.Errorf("got %v, failures %v", got, failures)
		}
	})
}

// A recorder is a test that may fail.
type recorder struct {
	testing.TB
	failed bool
	told   string
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.failed = true
	r.told += fmt.Sprintf(format, args...)
}

func TestAFailureFailsTheTest(t *testing.T) {
	r := &recorder{TB: t}
	bolttest.Run(r, bolt.Sink(func(context.Context, int) error { return errors.New("no") }), 1)
	if !r.failed {
		t.Error("Run did not fail the test")
	}
}

// A forgetful bolt did not make its map: every Tick panics.
type forgetful struct{ seen map[string]int }

func (f *forgetful) Execute(context.Context, string, *bolt.Collector[string]) error { return nil }
func (f *forgetful) Every() time.Duration                                           { return time.Second }

func (f *forgetful) Tick(context.Context, *bolt.Collector[string]) error {
	f.seen["a"]++
	return nil
}

// A stuck bolt cannot send on what it collected.
type stuck struct{}

func (stuck) Execute(context.Context, string, *bolt.Collector[string]) error { return nil }
func (stuck) Drained(context.Context, *bolt.Collector[string]) error         { return errors.New("no disk") }

// TestWhatFailsWithoutAnInput: no input has failed, and the test does all the same.
func TestWhatFailsWithoutAnInput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ticks, drained := &recorder{TB: t}, &recorder{TB: t}
		bolttest.Run(ticks, func() *forgetful { return new(forgetful) }, "a")
		bolttest.Run(drained, func() stuck { return stuck{} }, "a")
		for _, test := range []struct{ told, call, why string }{
			{ticks.told, "Tick of bolt/0 failed", "assignment to entry in nil map"},
			{drained.told, "Drained of bolt/0 failed", "no disk"},
		} {
			if !strings.Contains(test.told, test.call) || !strings.Contains(test.told, test.why) {
				t.Errorf("the test was told %q, want %q and %q", test.told, test.call, test.why)
			}
		}
	})
}

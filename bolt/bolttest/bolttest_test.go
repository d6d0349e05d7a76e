package bolttest_test

import (
	"context"
	"errors"
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
}

func (r *recorder) Helper()               {}
func (r *recorder) Errorf(string, ...any) { r.failed = true }

func TestAFailureFailsTheTest(t *testing.T) {
	r := &recorder{TB: t}
	bolttest.Run(r, bolt.Sink(func(context.Context, int) error { return errors.New("no") }), 1)
	if !r.failed {
		t.Error("Run did not fail the test")
	}
}

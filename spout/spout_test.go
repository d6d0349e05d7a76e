package spout_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/spout/spouttest"
	"github.com/waterspout/waterspout/tuple"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var five = []string{"a", "b", "c", "d", "e"}

// numbers is a bare spout without tracking, and without an end.
func numbers(_ context.Context, out *spout.Emitter[int]) error {
	for i := 0; out.Emit(i); i++ {
	}
	return nil
}

func TestConformance(t *testing.T) {
	t.Run("Slice", func(t *testing.T) { spouttest.Run(t, spout.FromSlice(five), spouttest.Exhausts(5)) })
	t.Run("Seq", func(t *testing.T) {
		spouttest.Run(t, spout.FromSeq(slices.Values(five)), spouttest.Exhausts(5))
	})
	t.Run("Of", func(t *testing.T) { spouttest.Run(t, spout.Of(numbers)) })
	t.Run("ReplayOfSlice", func(t *testing.T) {
		spouttest.Run(t, spout.Replay(spout.FromSlice(five), spout.Retry{}, nil), spouttest.Exhausts(5))
	})
	t.Run("ReplayOfEndless", func(t *testing.T) {
		spouttest.Run(t, spout.Replay(spout.Of(numbers), spout.Retry{Attempts: 2}, nil))
	})
	t.Run("ReplayOfReplay", func(t *testing.T) {
		inner := spout.Replay(spout.FromSlice(five), spout.Retry{}, nil)
		spouttest.Run(t, spout.Replay(inner, spout.Retry{}, nil), spouttest.Exhausts(5))
	})
	t.Run("Feed", func(t *testing.T) {
		var feed *spout.Feed[int]
		spouttest.Run(t, func() *spout.Feeder[int] {
			feed = spout.NewFeed[int]()
			return feed.New()
		}, spouttest.Drive(func(ctx context.Context) {
			var senders sync.WaitGroup
			for i := range 5 {
				senders.Go(func() {
					for feed.Send(ctx, i) == nil && ctx.Err() == nil {
					}
				})
			}
			senders.Wait()
		}))
	})
}

// sink is an engine of a few lines: it records, and asks a script for the outcome of
// each tree, which it tells from one goroutine.
type sink[T any] struct {
	outcomes chan func()
	tracker  spout.Tracker
	fate     func(v T, n int) (why *spout.Failure, open bool) // n: how often v came
	ctx      context.Context
	cost     time.Duration // of an emit, as back pressure would have it

	mu   sync.Mutex
	got  []T
	at   []time.Duration
	seen map[any]int
	from time.Time
}

var failed = spout.Failure{Kind: tuple.Error, Component: "b", Text: "no"}

func (s *sink[T]) Emit(v T) bool { panic("untracked: " + fmt.Sprint(v)) }

func (s *sink[T]) EmitID(v T, id uint64) bool {
	<-time.After(s.cost) // not under mu: that would stop virtual time
	if s.ctx.Err() != nil {
		return false
	}
	s.mu.Lock()
	s.got = append(s.got, v)
	s.at = append(s.at, time.Since(s.from))
	s.seen[v]++
	why, open := s.fate(v, s.seen[v])
	s.mu.Unlock()
	if open {
		return true
	}
	s.outcomes <- func() {
		if why == nil {
			s.tracker.Ack(id)
		} else {
			s.tracker.Fail(id, *why)
		}
	}
	return true
}

// play runs sp until it ends.
func play[T any](ctx context.Context, sp spout.Spout[T], fate func(T, int) (*spout.Failure, bool)) (*sink[T], error) {
	return playAt(ctx, 0, sp, fate)
}

// playAt does so with emits that cost some time.
func playAt[T any](ctx context.Context, cost time.Duration, sp spout.Spout[T], fate func(T, int) (*spout.Failure, bool)) (*sink[T], error) {
	s := &sink[T]{cost: cost, outcomes: make(chan func(), 1<<16), fate: fate, ctx: ctx, seen: map[any]int{}, from: time.Now()}
	s.tracker, _ = sp.(spout.Tracker)
	var acker sync.WaitGroup
	acker.Go(func() {
		for f := range s.outcomes {
			f()
		}
	})
	err := sp.Run(ctx, spout.NewEmitter(s))
	close(s.outcomes)
	acker.Wait()
	return s, err
}

func acked[T any](T, int) (*spout.Failure, bool) { return nil, false }

func TestSliceIsSplit(t *testing.T) {
	want := [][]string{{"a", "d"}, {"b", "e"}, {"c"}, nil, nil, nil}
	for count, want := range map[int][][]string{1: {five}, 3: want[:3], 6: {{"a"}, {"b"}, {"c"}, {"d"}, {"e"}, nil}} {
		newSlice := spout.FromSlice(five)
		for i := range count {
			s := newSlice()
			if err := s.Open(t.Context(), spout.Task{Index: i, Count: count}); err != nil {
				t.Fatal(err)
			}
			got, err := play(t.Context(), s, func(string, int) (*spout.Failure, bool) { return nil, true })
			if err != nil || !slices.Equal(got.got, want[i]) {
				t.Errorf("task %d of %d: %v, %v, want %v", i, count, got.got, err, want[i])
			}
		}
	}
}

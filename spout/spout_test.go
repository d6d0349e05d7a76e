package spout_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
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
	time.Sleep(s.cost) // virtual, and not under mu: that would stop virtual time
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

// source is a Tracker, Opener, io.Closer and Reporter that emits values and records
// what it is told.
type source struct {
	vs   []string
	stay bool // wait for the context after the last value

	mu   sync.Mutex
	told map[uint64][]string
	log  []string
}

func (s *source) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, fmt.Sprintf(format, args...))
}

func (s *source) Open(_ context.Context, task spout.Task) error {
	s.note("open %v", task)
	return nil
}

func (s *source) Close() error { s.note("close"); return errors.New("closed badly") }

func (s *source) Detail() map[string]string { return map[string]string{"lag": "3"} }

func (s *source) Run(ctx context.Context, out *spout.Emitter[string]) error {
	for i, v := range s.vs {
		if !out.EmitID(v, 100+uint64(i)) {
			return nil
		}
	}
	if s.stay {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

func (s *source) tell(id uint64, what string) {
	if !s.mu.TryLock() {
		panic("told beside another call")
	}
	defer s.mu.Unlock()
	s.told[id] = append(s.told[id], what)
}

func (s *source) Ack(id uint64) { s.tell(id, "ack") }

func (s *source) Fail(id uint64, why spout.Failure) { s.tell(id, why.Error()) }

func replay(s *source, r spout.Retry, dead func(string, spout.Failure)) *spout.Replayer[string] {
	s.told = map[uint64][]string{}
	return spout.Replay(func() *source { return s }, r, dead)()
}

var unjittered = spout.Retry{Backoff: 2, Max: 2} // waits 1 ns, to the nanosecond

func TestReplayUntilDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{vs: five}
		var dead []string
		p := replay(s, spout.Retry{Attempts: 3, Backoff: time.Second}, func(v string, why spout.Failure) {
			dead = append(dead, v+" "+why.Error())
		})
		got, err := play(t.Context(), p, func(v string, n int) (*spout.Failure, bool) {
			timeout := spout.Failure{Kind: tuple.Timeout}
			switch {
			case v == "a" && n < 3: // fails twice of three times allowed
				return &failed, false
			case v == "b": // always
				return &failed, false
			case v == "c":
				return &spout.Failure{Kind: tuple.Rejected, Text: "bad"}, false
			case v == "d" && n < 8: // rule P4: no attempts
				return &timeout, false
			}
			return nil, false
		})
		if err != nil {
			t.Fatal(err)
		}
		for v, want := range map[any]int{"a": 3, "b": 3, "c": 1, "d": 8, "e": 1} {
			if got.seen[v] != want {
				t.Errorf("%v was emitted %d times, want %d", v, got.seen[v], want)
			}
		}
		slices.Sort(dead)
		if want := []string{"b error in b: no", "c rejected: bad"}; !slices.Equal(dead, want) {
			t.Errorf("dead: %q", dead)
		}
		for id, want := range map[uint64]string{100: "ack", 101: "error in b: no", 102: "rejected: bad", 103: "ack", 104: "ack"} {
			if told := s.told[id]; len(told) != 1 || told[0] != want {
				t.Errorf("%d was told %q, want %q", id, told, want)
			}
		}
		// d waits 0.5-1 s, 1-2 s, ... 32-60 s: seven delays.
		last := got.at[len(got.at)-1]
		if last < 62*time.Second || last > 124*time.Second {
			t.Errorf("the last replay came after %v", last)
		}
	})
}

// Rule D1: what fails after the end is not emitted again, nor handed to dead, and the
// wrapped spout hears that it is not done.
func TestReplayEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := &source{vs: five[:3], stay: true}
		p := replay(s, spout.Retry{Backoff: time.Hour, Attempts: 1}, func(v string, _ spout.Failure) { t.Errorf("%s is dead", v) })
		late := spout.Failure{Kind: tuple.Timeout}
		rejected := spout.Failure{Kind: tuple.Rejected, Text: "late"}
		var after []func()
		time.AfterFunc(time.Minute, cancel)
		_, err := play(ctx, p, func(v string, _ int) (*spout.Failure, bool) {
			switch v {
			case "a": // waits for its replay when the end comes
				return &late, false
			case "b": // fails after it
				after = append(after, func() { p.Fail(1<<32|1, rejected) })
			default: // acked after it
				after = append(after, func() { p.Ack(1<<32 | 2) })
			}
			return nil, true
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range after {
			f()
			f() // a second outcome does nothing
		}
		for id, want := range map[uint64]string{100: "shutdown: timeout", 101: "shutdown: rejected: late", 102: "ack"} {
			if told := s.told[id]; len(told) != 1 || told[0] != want {
				t.Errorf("%d was told %q, want %q", id, told, want)
			}
		}
	})
}

// Shutdown and Revoked are final without being given up.
func TestReplayFinalKinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{vs: five}
		p := replay(s, unjittered, func(v string, _ spout.Failure) { t.Errorf("%s is dead", v) })
		got, err := play(t.Context(), p, func(v string, _ int) (*spout.Failure, bool) {
			if v == "a" {
				return &spout.Failure{Kind: tuple.Revoked}, false
			}
			return &spout.Failure{Kind: tuple.Shutdown}, false
		})
		if err != nil || len(got.got) != 5 {
			t.Fatalf("%v, emitted %v", err, got.got)
		}
		if s.told[100][0] != "revoked" || s.told[101][0] != "shutdown" {
			t.Fatal(s.told)
		}
	})
}

// Rule O2: while live emits wait, replays are at most a tenth of them and the burst.
func TestReplaysArePaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const live = 2000
		busy := spout.Of(func(_ context.Context, out *spout.Emitter[int]) error {
			for i := 0; i < live && out.Emit(i); i++ {
			}
			return nil
		})
		p := spout.Replay(busy, unjittered, nil)()
		lives, replays, worst := 0, 0, 0
		got, err := playAt(t.Context(), time.Millisecond, p, func(v, n int) (*spout.Failure, bool) {
			if n > 1 {
				if replays++; lives < live {
					worst = max(worst, replays-lives/10)
				}
				return nil, false
			}
			lives++
			return &failed, false
		})
		if err != nil || len(got.seen) != live || replays != live {
			t.Fatalf("%v: %d values, %d replays", err, len(got.seen), replays)
		}
		if worst > 11 {
			t.Errorf("at one time there were %d replays more than a tenth of the live emits", worst)
		}
	})
}

// A downstream that fails everything does not take all memory: live emits are held
// back, and go on when it recovers.
func TestReplayIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := spout.Replay(spout.FromSlice(make([]int, 20_000)), spout.Retry{Backoff: time.Hour}, nil)()
		start, first := time.Now(), 0
		got, err := playAt(t.Context(), time.Microsecond, p, func(int, int) (*spout.Failure, bool) {
			if time.Since(start) < 20*time.Minute {
				first++
				return &failed, false
			}
			return nil, false
		})
		if err != nil {
			t.Fatal(err)
		}
		if first < 4096 || first > 4200 {
			t.Errorf("%d values were emitted into the outage", first)
		}
		if want := 20_000 + first; len(got.got) != want {
			t.Errorf("%d emits, want %d", len(got.got), want)
		}
	})
}

func TestReplayForwards(t *testing.T) {
	s := &source{vs: five}
	p := replay(s, spout.Retry{}, nil)
	var _ io.Closer = p
	if err := p.Open(t.Context(), spout.Task{Component: "c", Index: 1, Count: 2}); err != nil {
		t.Fatal(err)
	}
	if d := p.Detail(); d["lag"] != "3" {
		t.Errorf("detail %v", d)
	}
	if err := p.Close(); err == nil || err.Error() != "closed badly" {
		t.Errorf("close: %v", err)
	}
	if want := []string{"open c/1", "close"}; !slices.Equal(s.log, want) {
		t.Errorf("calls %q", s.log)
	}
	bare := spout.Replay(spout.Of(numbers), spout.Retry{}, nil)()
	if err := errors.Join(bare.Open(t.Context(), spout.Task{}), bare.Close()); err != nil || bare.Detail() != nil {
		t.Errorf("of a bare spout: %v, %v", err, bare.Detail())
	}
}

func TestReplayErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		one := func(end func() error) *spout.Replayer[int] {
			return spout.Replay(spout.Of(func(_ context.Context, out *spout.Emitter[int]) error {
				out.Emit(1)
				return end()
			}), spout.Retry{Attempts: 1}, func(int, spout.Failure) { panic("boom") })()
		}
		open := func(int, int) (*spout.Failure, bool) { return nil, true }
		if _, err := play(t.Context(), one(func() error { return broken }), open); !errors.Is(err, broken) {
			t.Errorf("an error of the wrapped spout became %v", err)
		}
		_, err := play(t.Context(), one(func() error { return nil }), func(int, int) (*spout.Failure, bool) { return &failed, false })
		if err == nil {
			t.Error("a panic of dead is not told")
		}
		defer func() {
			if r := recover(); r != "oops" { // and no goroutine is left, says the bubble
				t.Errorf("a panic of the wrapped spout became %v", r)
			}
		}()
		one(func() error { panic("oops") }).Run(t.Context(), spout.NewEmitter(&sink[int]{
			ctx: t.Context(), fate: open, seen: map[any]int{},
		}))
	})
}

func TestFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		feed := spout.NewFeed[string]()
		early := make(chan error)
		go func() { early <- feed.Send(ctx, "before any task") }()
		synctest.Wait()
		var tasks sync.WaitGroup
		for range 2 {
			tasks.Go(func() {
				if _, err := play(ctx, feed.New(), func(v string, _ int) (*spout.Failure, bool) {
					if v == "bad" {
						return &failed, false
					}
					return nil, v == "slow"
				}); err != nil {
					t.Error(err)
				}
			})
		}
		if err := <-early; err != nil {
			t.Error(err)
		}
		if err := feed.Send(ctx, "good"); err != nil {
			t.Error(err)
		}
		if err := feed.Send(ctx, "bad"); err != failed {
			t.Errorf("a failed tree: %v", err)
		}
		short, end := context.WithTimeout(ctx, time.Second)
		defer end()
		if err := feed.Send(short, "slow"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a slow tree: %v", err)
		}
		cancel()
		tasks.Wait()
		isShutdown(t, "after the end", feed.Send(t.Context(), "x"))

		// The Feed serves another topology, until it is closed.
		tasks.Go(func() { play(t.Context(), feed.New(), acked[string]) })
		synctest.Wait()
		if err := feed.Send(t.Context(), "again"); err != nil {
			t.Error(err)
		}
		feed.Close()
		feed.Close()
		tasks.Wait() // exhausted
		isShutdown(t, "after Close", feed.Send(t.Context(), "x"))
	})
}

// Sends that wait while the topology ends, or the Feed is closed, do not hang.
func TestFeedReleasesSenders(t *testing.T) {
	for name, end := range map[string]func(*spout.Feed[string], *spout.Feeder[string]){
		"close": func(f *spout.Feed[string], _ *spout.Feeder[string]) { f.Close() },
		"ended": func(_ *spout.Feed[string], task *spout.Feeder[string]) { task.Close() },
		"refused": func(f *spout.Feed[string], task *spout.Feeder[string]) {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			task.Run(context.Background(), spout.NewEmitter(&sink[string]{ctx: ctx}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				feed := spout.NewFeed[string]()
				task := feed.New()
				task.Open(t.Context(), spout.Task{})
				sent := make(chan error)
				go func() { sent <- feed.Send(t.Context(), "x") }()
				synctest.Wait()
				end(feed, task)
				isShutdown(t, name, <-sent)
			})
		})
	}
}

func isShutdown(t *testing.T, when string, err error) {
	t.Helper()
	if f, ok := errors.AsType[spout.Failure](err); !ok || f.Kind != tuple.Shutdown {
		t.Errorf("%s: %v, want a Failure of Kind Shutdown", when, err)
	}
}

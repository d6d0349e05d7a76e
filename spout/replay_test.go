package spout_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/tuple"
)

// source is a Tracker, Opener, io.Closer, Reporter and Repeater that emits values and records
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

const repeats = 5

func (s *source) Replayed() uint64 { return repeats }

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
	for range 20 {
		runtime.Gosched() // give another call the chance to come beside this one
	}
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
		if n := spout.Repeater(p).Replayed(); n != 2+2+0+7+0+repeats {
			t.Errorf("%d replays, want 11 and the source's own %d", n, repeats)
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

// Acks come from the engine and final Fails from the Replayer, but never at once.
func TestReplayTellsOneByOne(t *testing.T) {
	s := &source{vs: make([]string, 4000)}
	for i := range s.vs {
		s.vs[i] = fmt.Sprint(i)
	}
	p := replay(s, spout.Retry{}, func(string, spout.Failure) {})
	_, err := play(t.Context(), p, func(v string, _ int) (*spout.Failure, bool) {
		if v[len(v)-1]%2 == 0 {
			return &spout.Failure{Kind: tuple.Rejected}, false
		}
		return nil, false
	})
	if err != nil || len(s.told) != len(s.vs) {
		t.Fatalf("%v, %d outcomes told", err, len(s.told))
	}
}

// An outcome that comes a second time is none of the value that has the slot now.
func TestReplayIgnoresLateOutcomes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := &source{vs: five[:2], stay: true}
		p := replay(s, spout.Retry{Backoff: time.Hour}, nil)
		first := uint64(0)
		ids := &idSink{do: func(v string, id uint64) {
			if v == "a" {
				first = id
				p.Ack(id)
				return
			}
			if uint32(id) != uint32(first) {
				t.Errorf("slot %d is not used again", uint32(first))
			}
			p.Ack(first) // late
			p.Fail(id, failed)
			p.Ack(id) // waits for its replay: no outcome is due
			p.Fail(99, failed)
			cancel()
		}}
		if err := p.Run(ctx, spout.NewEmitter(ids)); err != nil {
			t.Fatal(err)
		}
		if a, b := s.told[100], s.told[101]; len(a) != 1 || len(b) != 1 || b[0] != "shutdown: error in b: no" {
			t.Errorf("told %q and %q", a, b)
		}
	})
}

type idSink struct{ do func(v string, id uint64) }

func (s *idSink) Emit(string) bool { return false }

func (s *idSink) EmitID(v string, id uint64) bool { s.do(v, id); return true }

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
		const live, fails = 4000, 500
		busy := spout.Of(func(_ context.Context, out *spout.Emitter[int]) error {
			for i := 0; i < live && out.Emit(i); i++ {
			}
			return nil
		})
		p := spout.Replay(busy, unjittered, nil)()
		lives, replays, worst, beside := 0, 0, 0, 0
		got, err := playAt(t.Context(), 10*time.Microsecond, p, func(v, n int) (*spout.Failure, bool) {
			if n > 1 {
				if replays++; lives < live {
					worst = max(worst, replays-lives/10)
					beside = replays
				}
				return nil, false
			}
			lives++
			if v < fails {
				return &failed, false
			}
			return nil, false
		})
		if err != nil || len(got.seen) != live || replays != fails {
			t.Fatalf("%v: %d values, %d replays", err, len(got.seen), replays)
		}
		if worst > 11 {
			t.Errorf("at one time there were %d replays more than a tenth of the live emits", worst)
		}
		if beside < (live-fails)/10*8/10 {
			t.Errorf("only %d replays beside %d live emits", beside, live)
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

type named struct {
	spout.Func[int]
	moved *bool
}

func (named) Name() string { return "orders" }
func (n named) Moved()     { *n.moved = true }

// TestReplayIsTransparent: what a spout says of itself must pass, or two jobs that
// differ only in it would take each other for one.
func TestReplayIsTransparent(t *testing.T) {
	moved := false
	run := spout.Of(func(context.Context, *spout.Emitter[int]) error { return nil })
	p := spout.Replay(func() named { return named{run(), &moved} }, spout.Retry{}, nil)()
	if p.Moved(); p.Name() != "orders" || !moved {
		t.Errorf("name %q, moved %t", p.Name(), moved)
	}
	if p := spout.Replay(run, spout.Retry{}, nil)(); p.Name() != "" {
		t.Errorf("a spout without a name is called %q", p.Name())
	}
}

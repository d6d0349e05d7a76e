package spouttest

import (
	"bytes"
	"context"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/spout"
)

// A late spout notes a value only when EmitID has returned: an outcome that came before
// is lost.
type late struct {
	mu      sync.Mutex
	pending map[uint64]bool
	changed chan struct{}
}

func newLate() *late { return &late{pending: map[uint64]bool{}, changed: make(chan struct{}, 1)} }

func (l *late) Run(ctx context.Context, out *spout.Emitter[int]) error {
	for id := range uint64(4) {
		if !out.EmitID(0, id) {
			return nil
		}
		l.mu.Lock()
		l.pending[id] = true
		l.mu.Unlock()
	}
	for ctx.Err() == nil && l.open() > 0 {
		select {
		case <-l.changed:
		case <-ctx.Done():
		}
	}
	return nil
}

func (l *late) open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.pending)
}

func (l *late) Ack(id uint64) {
	l.mu.Lock()
	delete(l.pending, id)
	l.mu.Unlock()
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

func (l *late) Fail(id uint64, _ spout.Failure) { l.Ack(id) }

// A leaky spout has four values under way, and keeps the place of one that failed.
type leaky struct{ room chan struct{} }

func newLeaky() *leaky { return &leaky{make(chan struct{}, 4)} }

func (l *leaky) Run(ctx context.Context, out *spout.Emitter[int]) error {
	for id := uint64(0); ; id++ {
		select {
		case l.room <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		if !out.EmitID(0, id) {
			return nil
		}
	}
}

func (l *leaky) Ack(uint64)                 { <-l.room }
func (l *leaky) Fail(uint64, spout.Failure) {}

// TestLostOutcomesAreFound: a spout that loses outcomes waits for them for ever.
func TestLostOutcomesAreFound(t *testing.T) {
	for name, test := range map[string]struct {
		check string
		make  func() spout.Spout[int] // in the bubble, as its channels are to be
		count int
		want  string
	}{
		"late":  {"outcomes", func() spout.Spout[int] { return newLate() }, 4, "did not return"},
		"fed":   {"outcomes", func() spout.Spout[int] { return newLeaky() }, -1, ""},
		"leaky": {"failures", func() spout.Spout[int] { return newLeaky() }, -1, "emits nothing and does not return"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				err := checks[int]()[test.check](&suite{count: test.count, within: time.Hour}, test.make())
				if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
					t.Errorf("%v, want %q", err, test.want)
				}
			})
		})
	}
}

// TestADrivenSpoutMayWait: what stops may have no more to emit.
func TestADrivenSpoutMayWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &suite{count: -1, within: time.Hour, drive: func(ctx context.Context) { <-ctx.Done() }}
		if err := checks[int]()["failures"](s, newLeaky()); err != nil {
			t.Error(err)
		}
	})
}

// A threaded spout notes the goroutines of Open, Run and Close, which the engine calls
// from one.
type threaded struct{ on [3]string }

func goroutine() string {
	b := make([]byte, 64)
	return string(bytes.Fields(b[:runtime.Stack(b, false)])[1])
}

func (s *threaded) Open(context.Context, spout.Task) error {
	s.on[0] = goroutine()
	return nil
}

func (s *threaded) Run(context.Context, *spout.Emitter[int]) error {
	s.on[1] = goroutine()
	return nil
}

func (s *threaded) Close() error {
	s.on[2] = goroutine()
	return nil
}

func TestOneGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sp := new(threaded)
		err := checks[int]()["outcomes"](&suite{count: 0, within: time.Hour}, sp)
		if err != nil || sp.on[0] == "" || sp.on[1] != sp.on[0] || sp.on[2] != sp.on[0] {
			t.Errorf("goroutines %q, %v", sp.on, err)
		}
	})
}

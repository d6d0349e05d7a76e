package spouttest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/spout"
)

type script func(ctx context.Context, out *spout.Emitter[int]) error

// A bad spout fails exactly where its mistake is.
type bad struct {
	script
	closing error
}

func (b *bad) Run(ctx context.Context, out *spout.Emitter[int]) error { return b.script(ctx, out) }
func (b *bad) Close() error                                           { return b.closing }

// A tracking spout is a Tracker besides.
type tracking struct{ bad }

func (t *tracking) Ack(uint64)                 {}
func (t *tracking) Fail(uint64, spout.Failure) {}

func two(_ context.Context, out *spout.Emitter[int]) error {
	_ = out.EmitID(1, 1) && out.EmitID(2, 2)
	return nil
}

func TestBadSpoutsAreFound(t *testing.T) {
	for name, test := range map[string]struct {
		check string
		spout spout.Spout[int]
		count int
		want  string
	}{
		"good":  {"outcomes", &bad{script: two}, 2, ""},
		"short": {"outcomes", &bad{script: two}, 3, "exhausted after 2 values, want 3"},
		"deaf": {"refused", &bad{script: func(_ context.Context, out *spout.Emitter[int]) error {
			for {
				out.Emit(1)
			}
		}}, -1, "went on emitting"},
		"late": {"stop", &bad{script: func(context.Context, *spout.Emitter[int]) error {
			time.Sleep(2 * time.Hour)
			return nil
		}}, -1, "did not return"},
		"error": {"outcomes", &bad{script: func(context.Context, *spout.Emitter[int]) error {
			return errors.New("oops")
		}}, 0, "run returned oops"},
		"panic":  {"ended", &bad{script: func(context.Context, *spout.Emitter[int]) error { panic("oops") }}, 0, "a panic: oops"},
		"close":  {"unused", &bad{script: two, closing: errors.New("stuck")}, 2, "close: stuck"},
		"id":     {"stop", &tracking{bad{script: same}}, -1, "emitted again before its outcome"},
		"ctxerr": {"ended", &bad{script: func(ctx context.Context, _ *spout.Emitter[int]) error { return ctx.Err() }}, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &suite{count: test.count, within: time.Hour}
				err := checks[int]()[test.check](s, test.spout)
				if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
					t.Errorf("%v, want %q", err, test.want)
				}
				time.Sleep(3 * time.Hour) // the late one ends, too
			})
		})
	}
}

func same(_ context.Context, out *spout.Emitter[int]) error {
	for out.EmitID(1, 7) {
	}
	return nil
}

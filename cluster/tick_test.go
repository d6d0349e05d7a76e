package cluster_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/topology"
)

// A sluggish bolt passes its inputs on. Its ticks take longer than what is between them.
type sluggish struct{}

func (sluggish) Execute(_ context.Context, v int, out *bolt.Collector[int]) error {
	out.Emit(v)
	return nil
}

func (sluggish) Every() time.Duration { return time.Second }

func (sluggish) Tick(context.Context, *bolt.Collector[int]) error {
	time.Sleep(1500 * time.Millisecond)
	return nil
}

// A dripping spout is a bookSpout that emits a number every so often.
type dripping struct {
	*bookSpout
	every time.Duration
}

func (s *dripping) Run(_ context.Context, out *spout.Emitter[int]) error {
	for ; s.emitted < s.n && out.EmitID(s.emitted, uint64(s.emitted)); s.emitted++ {
		time.Sleep(s.every)
	}
	return nil
}

// Ticks that are due all the time hold up neither what the task has staged nor its end,
// whether inputs come between them or not.
func TestTicksThatAreAlwaysDue(t *testing.T) {
	for name, every := range map[string]time.Duration{"idle": 5 * time.Second, "busy": 100 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBook(int(time.Minute / every))
				d := topology.New("test")
				src := topology.Spout(d, "src", func() *dripping { return &dripping{b.New(), every} })
				topology.Bolt(src.By(grouping.Shuffle), "ticks", func() sluggish { return sluggish{} })
				r := start(t, topology.Must(d.Build()), quiet)
				time.Sleep(50 * time.Second)
				if s := part(t, r.Stats(), "src"); s.Oldest > 5*time.Second {
					t.Errorf("a tree is open for %v", s.Oldest)
				}
				time.Sleep(30 * time.Second)
				select {
				case <-r.Done():
				default:
					t.Error("it does not end")
					r.Abort(nil)
				}
				_ = r.Wait()
				b.check(t, b.n, 0)
			})
		})
	}
}

// A quick bolt has ticks that take much longer than an input.
type quick struct{ ticks int }

func (*quick) Execute(context.Context, int, *bolt.Collector[int]) error {
	time.Sleep(time.Millisecond)
	return nil
}

func (*quick) Every() time.Duration { return time.Second }

func (q *quick) Tick(context.Context, *bolt.Collector[int]) error {
	q.ticks++
	time.Sleep(500 * time.Millisecond)
	return nil
}

// The time of ticks that come in the middle of a batch is not that of inputs.
func TestTicksAreNotExecuted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := new(quick)
		b := newBook(4000)
		r := start(t, chain(b, func() *quick { return q }), quiet)
		uptime := took(func() {
			if err := r.Wait(); err != nil {
				t.Error(err)
			}
		})
		s := part(t, r.Stats(), "work")
		if want := 4 / uptime.Seconds(); q.ticks < 4 || s.Execute.Max > 2*time.Millisecond || s.Capacity > want+.01 {
			t.Errorf("%d ticks, an input took %v, capacity %.2f, want %.2f", q.ticks, s.Execute.Max, s.Capacity, want)
		}
	})
}

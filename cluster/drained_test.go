package cluster_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/topology"
)

// A tidy bolt passes its inputs on. The first time that it is drained a second after it
// was opened, it takes its time.
type tidy struct {
	takes time.Duration
	slow  time.Time
}

func (d *tidy) Open(context.Context, bolt.Task) error {
	d.slow = time.Now().Add(time.Second)
	return nil
}

func (d *tidy) Execute(_ context.Context, v int, out *bolt.Collector[int]) error {
	out.Emit(v)
	return nil
}

func (d *tidy) Drained(context.Context, *bolt.Collector[int]) error {
	if now := time.Now(); !now.Before(d.slow) {
		d.slow = now.Add(time.Hour)
		time.Sleep(d.takes)
	}
	return nil
}

// tidied runs numbers through two tidy bolts: some at once and one later, so that the tasks
// know what a tuple costs, one after a second, and one after two. It returns when the sink
// had the last two.
func tidied(t *testing.T, one, two time.Duration) (came []time.Duration) {
	b := newBook(0)
	at := []time.Duration{0, 0, 0, 0, time.Second / 2, time.Second, 2 * time.Second}
	b.emitted = len(at)
	began := time.Now()
	d := topology.New("test")
	src := topology.Spout(d, "src", func() *emitting {
		return &emitting{b.New(), func(out *spout.Emitter[int]) {
			for i, at := range at {
				time.Sleep(time.Until(began.Add(at)))
				out.EmitID(i, uint64(i))
			}
		}}
	})
	s := topology.Bolt(src.By(grouping.Global), "one", func() *tidy { return &tidy{takes: one} })
	s = topology.Bolt(s.By(grouping.Global), "two", func() *tidy { return &tidy{takes: two} })
	topology.Bolt(s.By(grouping.Global), "sink", sinkOf(func(int) error {
		came = append(came, time.Since(began))
		return nil
	}))
	if err := cluster.Run(t.Context(), topology.Must(d.Build()), quiet); err != nil {
		t.Error(err)
	}
	b.check(t, b.emitted, 0)
	return came[len(at)-2:]
}

// What Execute emitted and acked leaves before the bolt is drained, which may take long.
func TestNothingWaitsForDrained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if came := tidied(t, 10*time.Second, 0); came[0] != time.Second || came[1] != 11*time.Second {
			t.Errorf("they came after %v", came)
		}
	})
}

// An input that came while the bolt was drained was here for long: its tree gets a sign of
// life, though the task did not sleep since (E4). Each wait here is shorter than the timeout,
// or ends before it after such a sign.
func TestDrainedTaskShowsLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { tidied(t, 20*time.Second, 45*time.Second) })
}

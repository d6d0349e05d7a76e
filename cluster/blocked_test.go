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

// A wave is n tuples that are emitted together, for one task of the first bolt. The first
// of them takes its time in the gate.
type wave struct {
	at      time.Duration
	n, task int
	gate    time.Duration
}

// filling fills the gate's inbox: four times what is handed over together.
func filling(at time.Duration, task int, gate time.Duration) []wave {
	ws := []wave{{at: at, n: 256, task: task, gate: gate}}
	for i := range 3 {
		ws = append(ws, wave{at: at + time.Duration(i+1)*time.Millisecond, n: 256, task: task})
	}
	return ws
}

// A task that blocks on a full inbox has tuples in its hands whose trees live, however
// long it takes (E4, O4): those that moved had no pair, the one that filled its hands has
// none until Execute returns, and those of a spout were just opened. Each wait here is
// shorter than the timeout, and two of them are longer.
func TestBlockedTaskShowsLife(t *testing.T) {
	const s = time.Second
	// So that tasks know what a tuple costs, and do not hand over each by itself.
	begin := []wave{{n: 4, task: 1}, {at: s / 2, n: 1}}
	queued := append(begin[:2:2], wave{at: 2 * s, n: 1, task: 1, gate: 12 * s})
	queued = append(queued, filling(3*s, 1, 12*s)...)
	queued = append(queued, wave{at: 4 * s, n: 256, task: 1, gate: 12 * s})
	behind := append(begin[:2:2],
		wave{at: 3 * s, n: 256}, // while task 0 ticks
		wave{at: 10 * s, n: 1, task: 1, gate: 28 * s})
	behind = append(behind, filling(11*s, 1, 0)...)

	for name, c := range map[string]struct {
		waves []wave
		bolts int
	}{
		"moved":                 {queued, 1},
		"that filled its hands": {behind, 1},
		"just opened":           {queued, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { playWaves(t, c.waves, c.bolts) })
		})
	}
}

// playWaves emits the waves through the first bolt, if bolts is 1, to the gate.
func playWaves(t *testing.T, waves []wave, bolts int) {
	var all []wave // of each tuple
	for _, w := range waves {
		head := w
		w.gate = 0
		for i := range w.n {
			if i > 0 {
				head = w
			}
			all = append(all, head)
		}
	}
	b := newBook(0)
	b.emitted = len(all)
	d := topology.New("test")
	st := topology.Spout(d, "src", func() *emitting {
		return &emitting{b.New(), func(out *spout.Emitter[int]) {
			from, now := 0, time.Duration(0)
			for _, w := range waves {
				time.Sleep(w.at - now)
				now = w.at
				out.EmitEach(w.n, func(i int, v *int) (uint64, bool) { *v = from + i; return uint64(*v), true })
				from += w.n
			}
		}}
	})
	if bolts > 0 {
		choose := func(grouping.Targets) grouping.Chooser[int] { return func(v int) int { return all[v].task } }
		st = topology.Bolt(st.By(choose), "first", func() *napping { return &napping{} }, topology.Parallelism(2))
	}
	topology.Bolt(st.By(grouping.Shuffle), "gate", sinkOf(func(v int) error { time.Sleep(all[v].gate); return nil }))
	if err := start(t, topology.Must(d.Build()), quiet).Wait(); err != nil {
		t.Error(err)
	}
	b.check(t, len(all), 0)
}

// A napping bolt hands on what it gets. In task 0 the first tick takes twenty seconds.
type napping struct{ naps int }

func (b *napping) Open(_ context.Context, task bolt.Task) error {
	if task.Index == 0 {
		b.naps = 1
	}
	return nil
}

func (b *napping) Execute(_ context.Context, v int, out *bolt.Collector[int]) error {
	out.Emit(v)
	return nil
}

func (b *napping) Every() time.Duration { return 2 * time.Second }

func (b *napping) Tick(context.Context, *bolt.Collector[int]) error {
	for ; b.naps > 0; b.naps-- {
		time.Sleep(20 * time.Second)
	}
	return nil
}

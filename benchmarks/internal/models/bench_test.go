package models

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"

	"github.com/waterspout/waterspout/benchmarks/internal/harness"
)

func TestMain(m *testing.M) {
	Register()
	if harness.IsChild() {
		os.Exit(harness.Serve())
	}
	goleak.VerifyTestMain(m)
}

// tiny is everything, as small as it can be.
var tiny = Plan{
	Name: "tiny", Experiments: Experiments, Repeats: 1, Bisections: 1, Tries: 1, Rules: Lenient,
	Backlog: 300_000, Warm: .1, Partitions: 2, Probes: 1, Probe: Span{1, 0, 0}, Load: Span{1, 0, 0}, Kill: Span{1.5, 0, 0}, Fault: .5,
	Fractions: []float64{.5}, Poison: 100, Tasks: []int{1}, Pending: []int{1000}, Sizes: []int{200}, Parts: []int{3}, Bytes: 1 << 24,
}

// watched counts the starts of an engine and notes its processes.
type watched struct {
	mu     sync.Mutex
	starts map[string]int
	pids   []int
}

func (w *watched) engine(e Engine) Engine {
	start := e.Start
	e.Start = func(ctx context.Context, j Job) (Process, error) {
		p, err := start(ctx, j)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.starts[e.Name]++
		if err == nil {
			w.pids = append(w.pids, p.Pid())
		}
		return p, err
	}
	return e
}

func newBench(t *testing.T, p Plan, l Lineup) *Bench {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	b, err := NewBench(t.Context(), Kafka{Addrs: c.ListenAddrs(), About: "kfake"}, p, l, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// Every experiment runs each of its engines, loses nothing, and leaves no process.
func TestMeasure(t *testing.T) {
	w := &watched{starts: map[string]int{}}
	ours := Ours()
	topology, direct := w.engine(ours.Sustain[0]), w.engine(ours.Intervals[0].Engine)
	pair := []Engine{topology, direct}
	b := newBench(t, tiny, Lineup{
		Drain: pair, Sustain: pair, Half: pair[:1], Curve: pair[1:], Kill: pair, Poison: pair, Grow: pair[:1],
		Intervals: []Interval{{.05, direct}}, Paired: 2, Reference: Topology,
	})
	b.Rate = 4000
	if err := b.Measure(t.Context()); err != nil {
		t.Fatal(err)
	}
	runs := map[string]int{}
	for _, r := range b.Results.Runs {
		runs[r.Engine]++
		if r.Experiment == kill {
			runs[r.Engine]++ // started twice
			if r.Fault == nil || r.Fault.Restarted < r.Fault.Killed || r.Fault.Silence <= 0 {
				t.Errorf("%s: %+v", r.Engine, r.Fault)
			}
		}
		if !r.OK() || r.Lost != 0 || r.Counted <= 0 || r.CPU.Engine <= 0 || r.Peak == 0 || r.Start <= 0 {
			t.Errorf("%+v", r)
		}
		if r.Load != nil && (r.Rate < 2000 || r.Load.P50 <= 0 || r.Late <= 0) {
			t.Errorf("%+v", r)
		}
		if r.Experiment == poison && !(r.ReplaysPerPoisoned() >= 1) {
			t.Errorf("%s: %v replays per poisoned record", r.Engine, r.ReplaysPerPoisoned())
		}
	}
	if got := b.Results.figure(poison, Topology, 0, Run.ReplaysPerPoisoned); got.Median != 1 {
		t.Errorf("the topology replays %v for a poisoned record", got.Median)
	}
	for _, x := range Experiments {
		if len(b.Results.engines(x)) == 0 && x != sustainable { // the rate was given
			t.Errorf("no runs of %s", x)
		}
	}
	for _, e := range pair {
		if w.starts[e.Name] != runs[e.Name] {
			t.Errorf("%s was started %d times for %d runs", e.Name, w.starts[e.Name], runs[e.Name])
		}
	}
	for _, pid := range w.pids {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("process %d is left: %v", pid, err)
		}
	}
}

func TestSearch(t *testing.T) {
	p := tiny
	p.Backlog = 0
	b := newBench(t, p, Lineup{Sustain: Ours().Sustain[:1], Paired: 1})
	// At a top of 2,000 records/s, the one probe is 1,000.
	b.Results.Runs = []Run{{Experiment: drain, Engine: Topology, Counted: 2000, CPU: CPU{Seconds: 1}}}
	b.plan.Probe.Seconds = 3
	if err := b.search(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := b.Results.Sustained; len(got) != 1 || got[0].Rate != 1000 && got[0].Above != 1000 {
		t.Errorf("%+v", got)
	}
}

// An engine that does not start is tried again, its runs are void, and in the end
// nothing more is tried.
func TestFailures(t *testing.T) {
	p := tiny
	p.Repeats, p.Tries = 5, 3
	broken := Engine{Name: "broken", Start: func(context.Context, Job) (Process, error) { return nil, errors.New("no engine") }}
	b := newBench(t, p, Lineup{Drain: []Engine{broken}})
	err := b.drains(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no engine") {
		t.Errorf("error: %v", err)
	}
	if got := b.Results.Voids(); got != patience || len(b.Results.Runs) != got {
		t.Errorf("%d voids of %d runs, want %d", got, len(b.Results.Runs), patience)
	}
}

// What ends the context ends the processes.
func TestCanceled(t *testing.T) {
	w := &watched{starts: map[string]int{}}
	ctx, cancel := context.WithCancelCause(t.Context())
	e := w.engine(Ours().Sustain[0])
	start := e.Start
	e.Start = func(ctx context.Context, j Job) (Process, error) {
		p, err := start(ctx, j)
		cancel(errors.New("enough"))
		return p, err
	}
	b := newBench(t, tiny, Lineup{Half: []Engine{e}, Sustain: []Engine{e}, Paired: 1})
	b.Rate = 1000
	if err := b.halves(ctx); err == nil || !strings.Contains(err.Error(), "enough") {
		t.Errorf("error: %v", err)
	}
	for _, pid := range w.pids {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("process %d is left: %v", pid, err)
		}
	}
}

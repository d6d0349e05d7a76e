package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMain(m *testing.M) {
	Register("double", func(_ context.Context, n int) (int, error) { return 2 * n, nil })
	Register("refuse", func(context.Context, int) (int, error) { return 0, errors.New("no more") })
	Register("die", func(context.Context, int) (int, error) { os.Exit(3); return 0, nil })
	Register("hang", func(ctx context.Context, _ int) (int, error) { <-ctx.Done(); return 0, nil })
	Register("burn", func(_ context.Context, seconds float64) (Usage, error) {
		m, err := StartMeter("")
		if err != nil {
			return Usage{}, err
		}
		burn(seconds)
		return m.Stop(1000)
	})
	if IsChild() {
		os.Exit(Serve())
	}
	os.Exit(m.Run())
}

// burn uses that much CPU time of this process.
func burn(seconds float64) {
	for end := cpuSeconds(rusage()) + seconds; cpuSeconds(rusage()) < end; {
	}
}

func spawn(t *testing.T) *Child {
	t.Helper()
	c, err := Spawn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCall(t *testing.T) {
	c := spawn(t)
	for n := range 3 {
		if got, err := Call[int](c, "double", n); err != nil || got != 2*n {
			t.Errorf("double %d is %d, %v", n, got, err)
		}
	}
	if _, err := Call[int](c, "refuse", 1); err == nil || err.Error() != "refuse: no more" {
		t.Errorf("error: %v", err)
	}
	if _, err := Call[int](c, "fly", 1); err == nil || !strings.Contains(err.Error(), `"fly"`) {
		t.Errorf("unknown function: %v", err)
	}
	if _, err := Call[int](c, "double", "x"); err == nil {
		t.Error("a wrong argument is no error")
	}
	if err := c.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func TestDeadChild(t *testing.T) {
	c := spawn(t)
	if _, err := Call[int](c, "die", 1); err == nil || !strings.Contains(err.Error(), "without an answer") {
		t.Errorf("error: %v", err)
	}
	if c.Close() == nil {
		t.Error("exit status 3 is no error")
	}
}

// A child ends with its parent, also in the middle of a call.
func TestChildEndsInACall(t *testing.T) {
	c := spawn(t)
	answer := make(chan error, 1)
	go func() {
		_, err := Call[int](c, "hang", 1)
		answer <- err
	}()
	start := time.Now()
	if err := c.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if d := time.Since(start); d > patience/2 {
		t.Errorf("took %v", d)
	}
	if <-answer == nil {
		t.Error("the call succeeded")
	}
}

func TestMeasure(t *testing.T) {
	const want = .2
	run, err := Measure(t.Context(), nil, "burn", want)
	if err != nil {
		t.Fatal(err)
	}
	if run.CPU < want || run.CPU > 2*want || run.Count != 1000 || run.PeakBytes < 1<<20 {
		t.Errorf("run %+v, want %v CPU seconds", run, want)
	}
	if got, want := run.PerMillion(), run.CPU*1000; math.Abs(got-want) > 1e-6 {
		t.Errorf("per million %v, want %v", got, want)
	}
}

// The CPU time of a child must not count as foreign, nor that of a helper as the
// contender's.
func TestWatch(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	contender, idle, helper := spawn(t), spawn(t), spawn(t)
	w := StartWatch([]*Child{contender}, idle, helper)
	for c, seconds := range map[*Child]float64{contender: .1, helper: .3} {
		if _, err := Call[Usage](c, "burn", seconds); err != nil {
			t.Fatal(err)
		}
	}
	aside := w.Stop()
	if aside.Helpers < .25 || aside.Helpers > .6 {
		t.Errorf("helpers used %.2f s, want 0.3", aside.Helpers)
	}
	if len(aside.Each) != 2 || aside.Each[0] > .1 || aside.Each[0]+aside.Each[1] != aside.Helpers {
		t.Errorf("of %.2f s the helpers used %v", aside.Helpers, aside.Each)
	}
	if aside.Foreign < 0 || aside.Foreign > float64(runtime.NumCPU()) {
		t.Errorf("foreign %.2f cores", aside.Foreign)
	}
	_, _, _ = contender.Close(), idle.Close(), helper.Close()
}

func TestParseProc(t *testing.T) {
	if got := parseStat("cpu  100 20 30 9000 500 6 7 800 0 0", 1, 2, 3, 6, 7); got != 1.63 {
		t.Errorf("busy %v, want 1.63", got)
	}
	if got := parseStat("cpu  100 20", 1, 8); got != 1 {
		t.Errorf("of a short line %v, want 1", got)
	}
	if got := parseProcess("42 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 150 25 3 4 20 0", 2); got != 1.75 {
		t.Errorf("process %v, want 1.75", got)
	}
	if got := parseProcess("42 (a) S 1 2 3 4 5 6 7 8 9 10 150 25 3 4 20 0", 4); got != 1.82 {
		t.Errorf("with children %v, want 1.82", got)
	}
	if got := parseProcess("42", 2); got != 0 {
		t.Errorf("nonsense %v", got)
	}
	if self := processSeconds([]int{os.Getpid()})[0]; runtime.GOOS == "linux" && self > cpuSeconds(rusage())+.1 {
		t.Errorf("this process used %v by /proc, %v by getrusage", self, cpuSeconds(rusage()))
	}
}

func TestSpread(t *testing.T) {
	for _, tt := range []struct {
		xs   []float64
		want Spread
	}{
		{nil, Spread{}},
		{[]float64{3}, Spread{3, 3, 3}},
		{[]float64{9, 1, 5}, Spread{5, 1, 9}},
		{[]float64{4, 1, 2, 100}, Spread{3, 1, 100}},
	} {
		if got := SpreadOf(tt.xs); got != tt.want {
			t.Errorf("%v: %v, want %v", tt.xs, got, tt.want)
		}
	}
}

func results() Results {
	run := func(seconds, cpu float64) Run {
		return Run{Usage: Usage{Count: 1_000_000, Seconds: seconds, CPU: cpu, PeakBytes: 5e6}, Aside: Aside{Foreign: .5}}
	}
	return Results{
		{Name: "acked", Runs: []Run{run(2, 1.5), run(1, 1), run(4, 2)}},
		{Name: "handwritten", Runs: []Run{run(1, 1), run(1, 1), run(1, 1)}},
	}
}

func TestInterleave(t *testing.T) {
	var order []string
	contender := func(name string) Contender {
		return Contender{name, func(context.Context) (Run, error) {
			order = append(order, name)
			return Run{Usage: Usage{Count: 1, Seconds: 1}}, nil
		}}
	}
	got, err := Interleave(t.Context(), []Contender{contender("a"), contender("b")}, 3, 0, io.Discard)
	if err != nil || len(got.Of("a").Runs) != 3 || len(got.Of("b").Runs) != 3 {
		t.Errorf("%+v, %v", got, err)
	}
	if diff := cmp.Diff([]string{"a", "b", "b", "a", "a", "b"}, order); diff != "" {
		t.Error(diff)
	}
	failing := Contender{"bad", func(context.Context) (Run, error) { return Run{}, errors.New("no broker") }}
	if _, err := Interleave(t.Context(), []Contender{failing}, 1, 0, io.Discard); err == nil || err.Error() != "bad: no broker" {
		t.Errorf("error: %v", err)
	}
}

// Of disturbed runs the least disturbed counts, and only if patience was given.
func TestCalmest(t *testing.T) {
	foreign := []float64{.9, .4, .5, 0}
	n := 0
	c := Contender{"c", func(context.Context) (Run, error) {
		n++
		return Run{Usage: Usage{Count: uint64(n), Seconds: 1}, Aside: Aside{Foreign: foreign[n-1]}}, nil
	}}
	if r, err := calmest(t.Context(), c, time.Nanosecond); err != nil || r.Count != 2 || n != 3 {
		t.Errorf("run %d of %d, %v; want 2 of 3", r.Count, n, err)
	}
	n = 0
	if r, err := calmest(t.Context(), c, 0); err != nil || r.Count != 1 || n != 1 {
		t.Errorf("run %d of %d, %v; want 1 of 1", r.Count, n, err)
	}
}

func TestJSON(t *testing.T) {
	var out bytes.Buffer
	figures := map[string]Figures{}
	for _, r := range results() {
		figures[r.Name] = r.Figures()
	}
	if err := WriteJSON(&out, figures); err != nil {
		t.Fatal(err)
	}
	if strings.Count(out.String(), "\n") != 1 {
		t.Errorf("not one line: %s", out.String())
	}
	var got map[string]map[string]any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	acked := got["acked"]
	if len(got) != 2 || acked["per_second"] != 500_000. || acked["cpu_s_per_million"] != 1.5 {
		t.Errorf("%v", got)
	}
	if diff := cmp.Diff([]any{250_000., 1_000_000.}, acked["per_second_spread"]); diff != "" {
		t.Error(diff)
	}
	if _, ok := acked["p50_ms"]; ok {
		t.Error("a latency that was not measured is printed")
	}
}

func TestTables(t *testing.T) {
	var out bytes.Buffer
	rs := results()
	if err := rs.WriteTable(&out, "records"); err != nil {
		t.Fatal(err)
	}
	if want := []string{"500.0k", "250.0k..1.00M", "1.500", "1.000..2.000", "0.50", "0.50", "1.50"}; !hasAll(out.String(), want) {
		t.Errorf("no %v in\n%s", want, out.String())
	}
	out.Reset()
	for i := range rs {
		for k := range rs[i].Runs {
			rs[i].Runs[k].Latency = &Latency{P50: 1.25, P99: float64(3 + k), P999: 9}
		}
	}
	if err := rs.WriteLatency(&out); err != nil {
		t.Fatal(err)
	}
	if want := []string{"1.25", "4.00", "3.00..5.00", "9.00"}; !hasAll(out.String(), want) {
		t.Errorf("no %v in\n%s", want, out.String())
	}
}

// What a run says of its cluster is in its line and in the figures.
func TestClusterFigures(t *testing.T) {
	r := Result{Name: "two_workers"}
	for _, c := range []Cluster{{1.5, .4, .3}, {2.5, .6, .1}, {3.5, .5, .2}} {
		r.Runs = append(r.Runs, Run{Usage: Usage{Count: 500_000, Seconds: 1, CPU: 1}, Cluster: &c})
	}
	f := r.Figures()
	f.AddCluster(r)
	if f.Start != 2.5 || f.NATSCPU != .4 {
		t.Errorf("%+v", f)
	}
	if got := r.Crossing(); got != (Spread{.5, .4, .6}) {
		t.Errorf("crossing %v", got)
	}
	if line := r.Runs[0].String(); !hasAll(line, []string{"500.0k/s", "crossed 0.40", "start 1.5 s"}) {
		t.Errorf("the line is %q", line)
	}
}

func hasAll(s string, want []string) bool {
	for _, w := range want {
		if !strings.Contains(s, w) {
			return false
		}
	}
	return true
}

func TestProfile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p")
	m, err := StartMeter(path)
	if err != nil {
		t.Fatal(err)
	}
	burn(.05)
	if _, err := m.Stop(1); err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Stat(path); err != nil || fi.Size() == 0 {
		t.Errorf("%v, %v", fi, err)
	}
}

func ExampleSpreadOf() {
	fmt.Println(SpreadOf([]float64{510_000, 480_000, 530_000}))
	// Output: {510000 480000 530000}
}

func TestKill(t *testing.T) {
	c, err := Spawn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	burn(.05)
	all, others := OtherSeconds(), OtherSeconds(os.Getpid())
	if ProcessPeak(c.Pid()) <= 0 || all <= others {
		t.Errorf("peak %d, all used %v, all but this %v", ProcessPeak(c.Pid()), all, others)
	}
	if err := c.Kill(); err != nil {
		t.Error(err)
	}
	if err := syscall.Kill(c.Pid(), 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("it is left: %v", err)
	}
	if ProcessPeak(c.Pid()) != 0 || ProcessSeconds(c.Pid()) != 0 {
		t.Error("figures of a process that is gone")
	}
}

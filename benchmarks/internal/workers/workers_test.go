package workers

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/waterspout/waterspout/benchmarks/internal/harness"
	"github.com/waterspout/waterspout/benchmarks/internal/reference"
)

func TestMain(m *testing.M) {
	Register()
	harness.Register("broker", reference.Broker)
	harness.Register("burn", burn)
	if harness.IsChild() {
		os.Exit(harness.Serve())
	}
	os.Exit(m.Run())
}

// burn uses a tenth of a CPU second.
func burn(context.Context, struct{}) (struct{}, error) {
	m, err := harness.StartMeter("")
	for u := (harness.Usage{}); err == nil && u.CPU < .1; {
		u, err = m.Stop(1)
	}
	return struct{}{}, err
}

// A lab is what jobs need.
type lab struct {
	bench        *reference.Bench
	broker, nats *harness.Child
	url          string
}

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{}
	spawn := func() *harness.Child {
		c, err := harness.Spawn(context.WithoutCancel(t.Context())) // Cleanup comes after the end of t's
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
		return c
	}
	l.broker, l.nats = spawn(), spawn()
	addrs, err := harness.Call[[]string](l.broker, "broker", struct{}{})
	if err != nil {
		t.Fatal(err)
	}
	if l.url, err = harness.Call[string](l.nats, "nats", t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if l.bench, err = reference.NewBench(t.Context(), addrs); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.bench.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// job is one of n records that processes share.
func (l *lab) job(t *testing.T, n uint64, processes int) Job {
	t.Helper()
	in, err := l.bench.Fill(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	out, err := l.bench.Topic(t.Context(), "out")
	if err != nil {
		t.Fatal(err)
	}
	s := reference.Spec{
		Contender: "acked", Brokers: l.bench.Addrs, In: in, Out: out, Group: out, Records: n,
		Tasks: reference.Tasks{Spouts: 2, Decoders: 2, Encoders: 2, Writers: 1},
	}
	if processes > 1 {
		s.NATS = l.url
	}
	return Job{Spec: s, Processes: processes, Kafka: []harness.Process{l.broker}, NATS: l.nats}
}

func (l *lab) check(t *testing.T, j Job) {
	t.Helper()
	if err := l.bench.Check(t.Context(), j.Spec); err != nil {
		t.Errorf("%d processes: %v", j.Processes, err)
	}
}

func TestDrain(t *testing.T) {
	const n = 100_000
	l := newLab(t)
	for _, processes := range []int{1, 2} {
		j := l.job(t, n, processes)
		run, err := j.Drain(t.Context())
		if err != nil {
			t.Fatalf("%d processes: %v", processes, err)
		}
		if run.Count == 0 || run.Count > n || run.CPU <= 0 || run.Seconds <= 0 || run.PeakBytes == 0 || run.Cluster.Start <= 0 {
			t.Errorf("%d processes: %+v, %+v", processes, run, run.Cluster)
		}
		if crossed := run.Cluster.Crossing; processes == 1 && crossed != 0 || processes == 2 && (crossed <= 0 || crossed >= 1) {
			t.Errorf("with %d processes %v of the tuples crossed", processes, crossed)
		}
		l.check(t, j)
	}
}

func TestRest(t *testing.T) {
	l := newLab(t)
	j := l.job(t, 1000, 3)
	rest, err := j.Rest(t.Context(), 200*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if len(rest.Workers) != 3 || rest.Workers[0] <= 0 || rest.Workers[0] > 2 || rest.NATS < 0 {
		t.Errorf("%+v", rest)
	}
	l.check(t, j)
}

// What the crew did is the difference of two looks, and the server is no broker.
func TestMeasurement(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	nats, broker, worker := spawnIdle(t), spawnIdle(t), spawnIdle(t)
	m := measurement{
		from: reference.Progress{Written: 100, Executed: 300, Abroad: 200}, begin: time.Now(),
		watch: harness.StartWatch([]*harness.Child{worker}, nats, broker),
	}
	if _, err := harness.Call[struct{}](nats, "burn", struct{}{}); err != nil {
		t.Fatal(err)
	}
	run := m.run(reference.Progress{Written: 500, Executed: 1300, Abroad: 700})
	if run.Count != 400 || run.Cluster.Crossing != .5 || run.Cluster.NATS < .08 || run.Helpers > .05 {
		t.Errorf("%+v, %+v", run, run.Cluster)
	}
}

func spawnIdle(t *testing.T) *harness.Child {
	t.Helper()
	c, err := harness.Spawn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // killed with t's context
	return c
}

func TestSum(t *testing.T) {
	bad := errors.New("gone")
	got, err := sum([]reference.Progress{{Written: 1, Executed: 2, Abroad: 3}, {Written: 10, Executed: 20, Abroad: 30}}, bad)
	if diff := cmp.Diff(reference.Progress{Written: 11, Executed: 22, Abroad: 33}, got); diff != "" || !errors.Is(err, bad) {
		t.Errorf("%v %s", err, diff)
	}
}

// An error of a worker names the worker, and ends the run.
func TestErrorsAreTold(t *testing.T) {
	j := Job{Spec: reference.Spec{Contender: "storm", Records: 1}, Processes: 2}
	if _, err := j.Drain(t.Context()); err == nil || !strings.Contains(err.Error(), "worker 2") || !strings.Contains(err.Error(), `"storm"`) {
		t.Errorf("error: %v", err)
	}
	if _, err := NATS(t.Context(), os.DevNull); err == nil {
		t.Error("a server without a directory is no error")
	}
}

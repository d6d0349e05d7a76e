package cluster_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/topology"
	"github.com/waterspout/waterspout/transport/inproc"
)

// TestStartRefuses: what cannot run is one line, and nothing begins.
func TestStartRefuses(t *testing.T) {
	topo := chain(newBook(1), sinkOf(func(int) error { return nil }))
	for _, c := range []struct {
		topo *topology.Topology
		mode cluster.Mode
		want string
	}{
		{nil, quiet, "the topology is nil or empty"},
		{&topology.Topology{}, cluster.Worker{Net: inproc.New()}, "the topology is nil or empty"},
		{topo, nil, "the Mode is nil"},
		{topo, cluster.Local{Grace: -time.Second}, "the grace is -1s"},
		{topo, cluster.Worker{Net: inproc.New(), Grace: -1}, "the grace is -1ns"},
	} {
		if err := cluster.Run(t.Context(), c.topo, c.mode); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("Run: %v, want %s", err, c.want)
		}
	}
	if _, err := cluster.ReadStats(t.Context(), nil, "test"); err == nil || !strings.Contains(err.Error(), "needs a Net") {
		t.Errorf("ReadStats: %v", err)
	}
}

// A shelf is a bolt whose state is what it is itself.
type shelf map[int]int

func (s shelf) Execute(_ context.Context, v int, _ *bolt.Collector[bolt.None]) error {
	s[v]++
	return nil
}

// A pipe is a spout and a bolt whose state is what it is itself.
type pipe chan int

func (p pipe) Run(context.Context, *spout.Emitter[int]) error { return nil }

func (p pipe) Execute(context.Context, int, *bolt.Collector[bolt.None]) error { return nil }

// A lid is a spout and a bolt that cannot be closed if it is nil.
type lid struct {
	pipe
	closed int
}

func (l *lid) Close() error {
	l.closed++
	return nil
}

// TestWhatConstructorsReturn: each task must have an object of its own.
func TestWhatConstructorsReturn(t *testing.T) {
	one, line := shelf{}, make(pipe)
	for _, c := range []struct {
		want    string
		newBolt func() bolt.Bolt[int, bolt.None]
	}{
		{"returned the same object for work", func() bolt.Bolt[int, bolt.None] { return one }},
		{"returned the same object for work", func() bolt.Bolt[int, bolt.None] { return line }},
		{"returned <nil>", func() bolt.Bolt[int, bolt.None] { return nil }},
		{"returned (*cluster_test.lid)(nil)", func() bolt.Bolt[int, bolt.None] { return (*lid)(nil) }},
		{"returned (bolt.Func[int,struct {}])(nil)", func() bolt.Bolt[int, bolt.None] { return bolt.Func[int, bolt.None](nil) }},
		{"", func() bolt.Bolt[int, bolt.None] { return shelf(nil) }}, // it can be read
		{"", func() bolt.Bolt[int, bolt.None] { return shelf{} }},
	} {
		d := topology.New("test")
		topology.Bolt(topology.Spout(d, "src", newBook(0).New).By(grouping.Shuffle), "work", c.newBolt, topology.Parallelism(2))
		refuses(t, d, c.want)
	}
	for want, newSpout := range map[string]func() spout.Spout[int]{
		"returned the same object for src":  func() spout.Spout[int] { return line },
		"returned <nil>":                    func() spout.Spout[int] { return nil },
		"returned (*cluster_test.lid)(nil)": func() spout.Spout[int] { return (*lid)(nil) },
	} {
		d := topology.New("test")
		topology.Spout(d, "src", newSpout, topology.Parallelism(2))
		refuses(t, d, want)
	}
}

// refuses runs d and wants one line that names the task; none if want is empty.
func refuses(t *testing.T, d *topology.Builder, want string) {
	t.Helper()
	err := cluster.Run(t.Context(), topology.Must(d.Build()), quiet)
	_, told := errors.AsType[*cluster.TaskError](err)
	if told != (want != "") || told && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n")) {
		t.Errorf("%v, want %q", err, want)
	}
}

// TestDeadlineBeforeTheBegin: that a topology never ran is an error, unless somebody
// asked for it.
func TestDeadlineBeforeTheBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := inproc.New()
		net.Down()
		for what, run := range map[string]func(context.Context) error{
			"no net": func(ctx context.Context) error {
				return cluster.Run(ctx, chain(newBook(1), sinkOf(func(int) error { return nil })), cluster.Worker{Net: net, Name: "w", Log: quiet.Log})
			},
			"slow Open": func(ctx context.Context) error {
				return cluster.Run(ctx, chain(newBook(1), func() slowOpen { return slowOpen{} }), quiet)
			},
		} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			if err := run(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "had not begun") {
				t.Errorf("%s: %v, want that the deadline has passed", what, err)
			}
			cancel()
			ctx, stop := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Minute, func() { stop(errors.New("a signal")) })
			if err := run(ctx); err != nil {
				t.Errorf("%s: %v, when asked to stop", what, err)
			}
		}
	})
}

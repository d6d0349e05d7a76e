package models

import (
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/waterspout/waterspout/benchmarks/internal/harness"
	"github.com/waterspout/waterspout/benchmarks/internal/reference"
)

// Register registers what children of this package do. Call it before
// harness.Serve.
func Register() {
	harness.Register("models/broker", reference.Broker)
	harness.Register("models/start", reference.Start)
	harness.Register("models/look", reference.Look)
	harness.Register("models/end", reference.End)
	harness.Register("models/prepare", reference.Prepare)
	harness.Register("models/generate", reference.Generate)
	harness.Register("models/read", reference.Read)
}

// tasks are a reader per partition and, of the stages that compute, a task per core:
// the twenty of examples/tweets cost a sixth more CPU here.
var tasks = reference.Tasks{
	Spouts: 5, Decoders: runtime.GOMAXPROCS(0), Encoders: runtime.GOMAXPROCS(0), Writers: 1,
}

// contender is an engine of package reference, in a child with more variables in
// its environment.
func contender(name string, s reference.Spec, env []string) Engine {
	return Engine{Name: name, Start: func(ctx context.Context, j Job) (Process, error) {
		child, err := harness.Spawn(ctx, env...)
		if err != nil {
			return nil, err
		}
		s.Brokers, s.In, s.Out, s.Group = j.Brokers, j.In, j.Out, j.Group
		s.Poison, s.Pending, s.Tasks = j.Scale.Poison, j.Scale.Pending, tasks
		if n := j.Scale.Tasks; n > 0 {
			s.Tasks.Decoders, s.Tasks.Encoders = n, n
		}
		if _, err := harness.Call[struct{}](child, "models/start", s); err != nil {
			return nil, errors.Join(err, child.Close())
		}
		return goProcess{child}, nil
	}}
}

// goProcess is an engine of package reference that runs.
type goProcess struct{ *harness.Child }

func (p goProcess) Attempts() (uint64, bool) {
	progress, err := harness.Call[reference.Progress](p.Child, "models/look", struct{}{})
	return progress.Attempts, err == nil && progress.Attempts > 0
}

func (p goProcess) Stop() error {
	_, err := harness.Call[struct{}](p.Child, "models/end", struct{}{})
	return errors.Join(err, p.Close())
}

// Names of our engines, as the results have them.
const (
	Topology  = "topology"
	Unacked   = "topology, unacked"
	Loop      = "hand-written loop"
	Direct    = "micro-batch, direct"
	Receivers = "micro-batch, receivers"

	// DirectSecond is what stands for the micro-batch model.
	DirectSecond = Direct + ", 1 s"
)

// second is the batch interval of the micro-batch engines where nothing else is
// said, as Spark Streaming's users have it.
const second = time.Second

// Ours are this project's engines, in children with more variables in their
// environment.
func Ours(env ...string) Lineup {
	topology := contender(Topology, reference.Spec{Contender: "acked", Instance: "spout"}, env)
	unacked := contender(Unacked, reference.Spec{Contender: "unacked", Instance: "spout"}, env)
	loop := contender(Loop, reference.Spec{Contender: "protocol"}, env)
	batch := func(name, mode string, interval time.Duration) Engine {
		return contender(name, reference.Spec{Contender: mode, Interval: interval}, env)
	}
	direct := batch(DirectSecond, "direct", second)
	receivers := batch(Receivers+", 1 s", "receivers", second)
	receivers.Lossy = true
	l := Lineup{
		Drain:     []Engine{loop, topology, unacked, direct, receivers},
		Sustain:   []Engine{topology, direct},
		Half:      []Engine{topology, unacked, direct},
		Curve:     []Engine{topology, direct},
		Kill:      []Engine{topology, direct, receivers},
		Poison:    []Engine{topology, direct},
		Grow:      []Engine{topology, direct},
		Paired:    2,
		Reference: Topology,
	}
	for _, interval := range []time.Duration{50, 100, 200, 500} {
		interval *= time.Millisecond
		l.Intervals = append(l.Intervals, Interval{interval.Seconds(), batch(Direct+", "+interval.String(), "direct", interval)})
	}
	l.Intervals = append(l.Intervals, Interval{1, direct})
	return l
}

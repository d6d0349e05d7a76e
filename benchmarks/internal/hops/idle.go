package hops

import (
	"context"
	"time"

	"github.com/waterspout/waterspout/benchmarks/internal/harness"
	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/topology"
)

// Rest is one run of [Idle].
type Rest struct {
	Tasks   int // of each of two bolts; five of the spout
	Seconds float64
}

// Idle runs a topology whose spouts emitted a little and then wait. The count it
// reports is 1.
func Idle(ctx context.Context, r Rest) (harness.Usage, error) {
	b := topology.New("idle")
	source := topology.Spout(b, "read", spout.Of(func(ctx context.Context, out *spout.Emitter[int]) error {
		for i := range 1000 {
			out.EmitID(i, uint64(i))
		}
		<-ctx.Done()
		return nil
	}), topology.Parallelism(5))
	pass := bolt.Map(func(_ context.Context, i int) (int, error) { return i, nil })
	first := topology.Bolt(source.By(grouping.Shuffle), "first", pass, topology.Parallelism(r.Tasks))
	topology.Bolt(first.By(grouping.Shuffle), "second", pass, topology.Parallelism(r.Tasks))
	running, err := cluster.Start(ctx, topology.Must(b.Build()), quiet())
	if err != nil {
		return harness.Usage{}, err
	}
	time.Sleep(time.Second) // for the runtime to settle
	meter, err := harness.StartMeter("")
	if err != nil {
		return harness.Usage{}, err
	}
	time.Sleep(time.Duration(r.Seconds * float64(time.Second)))
	usage, err := meter.Stop(1)
	if err != nil {
		return usage, err
	}
	return usage, running.Drain(ctx)
}

package reference

import (
	"context"

	"github.com/waterspout/waterspout/benchmarks/internal/harness"
)

// A process has one job that goes on from call to call.
var steady struct {
	job   job
	meter *harness.Meter
	from  uint64
}

// Start starts a contender and returns; its Spec's number of records does not
// count.
func Start(ctx context.Context, s Spec) (struct{}, error) {
	var err error
	steady.job, err = start(ctx, s)
	return struct{}{}, err
}

// Mark begins to measure what Start started.
func Mark(_ context.Context, s Spec) (struct{}, error) {
	var err error
	steady.from = steady.job.written()
	steady.meter, err = harness.StartMeter(s.Profile)
	return struct{}{}, err
}

// Stop is what was used since Mark, for the records done since, at least one. It
// ends the job.
func Stop(ctx context.Context, _ struct{}) (harness.Usage, error) {
	usage, err := steady.meter.Stop(max(steady.job.written()-steady.from, 1))
	if stopped := steady.job.stop(ctx); err == nil {
		err = stopped
	}
	return usage, err
}

package reference

import (
	"context"
	"errors"

	"github.com/waterspout/waterspout/benchmarks/internal/harness"
)

// A process has one job that goes on from call to call.
var steady struct {
	job   job
	meter *harness.Meter
	from  uint64
}

// A Progress is what a process did so far: of a topology of many workers, its
// share.
type Progress struct {
	Written          uint64 // records that are done
	Executed, Abroad uint64 // tuples: by bolts here; sent from here to other workers
	Attempts         uint64 // records that were decoded, those again that failed; counted only where some are poisoned
}

// Start starts a contender and returns; its Spec's number of records does not
// count.
func Start(ctx context.Context, s Spec) (struct{}, error) {
	var err error
	steady.job, err = start(ctx, s)
	return struct{}{}, err
}

// Look is how far the job is that Start started. A job that has ended is an error.
func Look(context.Context, struct{}) (Progress, error) {
	select {
	case <-steady.job.failed():
		return Progress{}, errors.New("reference: the job ended by itself")
	default:
		return progress(), nil
	}
}

func progress() Progress {
	if j, ok := steady.job.(interface{ progress() Progress }); ok {
		return j.progress()
	}
	return Progress{Written: steady.job.written()}
}

// Mark begins to measure what Start started, and says how far it is then.
func Mark(_ context.Context, s Spec) (Progress, error) {
	p := progress()
	var err error
	steady.from = p.Written
	steady.meter, err = harness.StartMeter(s.Profile)
	return p, err
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

// End ends the job that Start started, when what it has begun is committed.
func End(ctx context.Context, _ struct{}) (struct{}, error) { return struct{}{}, steady.job.stop(ctx) }

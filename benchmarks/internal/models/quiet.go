package models

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/waterspout/waterspout/benchmarks/internal/harness"
)

// How long a quiet machine is waited for, and how often and long it is looked at.
const (
	quietPatience = 40 * time.Second
	quietPause    = 2 * time.Second
	quietLook     = 400 * time.Millisecond
)

// awaitQuiet returns when the host of a virtual machine takes no more than a share
// of it away, or when its patience or ctx have run out: then the run will be void.
// What a host takes shows only while the machine is busy, so a look makes it busy.
func awaitQuiet(ctx context.Context, share float64) {
	for begin := time.Now(); time.Since(begin) < quietPatience; {
		if stolenWhileBusy(quietLook) <= share {
			return
		}
		select {
		case <-time.After(quietPause):
		case <-ctx.Done():
			return
		}
	}
}

func stolenWhileBusy(d time.Duration) float64 {
	cores := runtime.GOMAXPROCS(0)
	begin, before := time.Now(), harness.StolenSeconds()
	var busy sync.WaitGroup
	for range cores {
		busy.Go(func() {
			for time.Since(begin) < d {
			}
		})
	}
	busy.Wait()
	return (harness.StolenSeconds() - before) / (time.Since(begin).Seconds() * float64(cores))
}

package models

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/waterspout/waterspout/benchmarks/internal/harness"
)

// How often and long the machine is looked at.
const (
	quietPause = 2 * time.Second
	quietLook  = 400 * time.Millisecond
)

// awaitQuiet returns when the host of a virtual machine takes no more than a share
// of it away, or when as many seconds or ctx have run out: then the run will be void.
// What a host takes shows only while the machine is busy, so a look makes it busy.
func awaitQuiet(ctx context.Context, share, seconds float64) {
	for begin := time.Now(); time.Since(begin).Seconds() < seconds; {
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

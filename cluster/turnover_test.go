package cluster_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestTurnover lets workers join and leave in quick succession, so that one change
// begins before the last is over: nothing comes twice, since nobody fails.
func TestTurnover(t *testing.T) {
	for seed := range uint64(10) {
		if *chaosSeed != 0 {
			seed = *chaosSeed
		}
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { turnover(t, rand.New(rand.NewPCG(seed, 3))) })
		})
		if *chaosSeed != 0 {
			return
		}
	}
}

func turnover(t *testing.T, dice *rand.Rand) {
	c := newCrew(t, newPartitions(4, 4000, 3*time.Millisecond))
	c.net = &lossy{Net: c.net, lag: 40 * time.Millisecond, dice: rand.New(rand.NewPCG(dice.Uint64(), 2))}
	c.slow = time.Duration(dice.IntN(400)) * time.Millisecond
	here := map[string]context.CancelFunc{}
	for names := range 12 {
		name := fmt.Sprint("w", names)
		here[name] = c.join(name)
		if names >= 3 {
			time.Sleep(time.Duration(dice.IntN(1000)) * time.Millisecond)
			leaves := slices.Sorted(maps.Keys(here))[dice.IntN(len(here))]
			here[leaves]()
			delete(here, leaves)
			time.Sleep(time.Duration(dice.IntN(1000)) * time.Millisecond)
		}
	}
	c.await("everything is committed", time.Minute, c.source.done)
	for _, name := range slices.Sorted(maps.Keys(here)) {
		here[name]()
	}
	if twice := c.check(); twice > 0 {
		t.Errorf("%d records came twice although nobody failed; failures %v\n%s", twice, c.source.failed, c.log)
	}
}

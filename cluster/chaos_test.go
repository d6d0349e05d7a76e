package cluster_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

var chaosSeed = flag.Uint64("chaos.seed", 0, "run this seed of TestChaos alone")

// TestChaos runs workers over a bad net, in virtual time: they join, leave, are cut
// off, the net goes down and its stores are wiped. Afterwards everything has arrived,
// and no tree had to wait for its timeout.
func TestChaos(t *testing.T) {
	seeds := 12
	if testing.Short() || raceEnabled {
		seeds = 4
	}
	for seed := uint64(1); seed <= uint64(seeds); seed++ {
		if *chaosSeed != 0 {
			seed = *chaosSeed
			seeds = 0
		}
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { chaos(t, rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

func chaos(t *testing.T, dice *rand.Rand) {
	c := newCrew(t, newPartitions(4, 4000, 4*time.Millisecond))
	c.net = &lossy{Net: c.net, chance: []float64{0, 0.002, 0.01}[dice.IntN(3)], dice: rand.New(rand.NewPCG(dice.Uint64(), 2))}
	c.bad = true
	here := map[string]context.CancelFunc{}
	names := 0
	join := func() {
		names++
		name := fmt.Sprint("w", names)
		here[name] = c.join(name)
	}
	pick := func() string { return slices.Sorted(maps.Keys(here))[dice.IntN(len(here))] }
	join()
	join()
	join()
	for range 6 + dice.IntN(6) {
		time.Sleep(time.Duration(dice.IntN(4000)) * time.Millisecond)
		switch dice.IntN(6) {
		case 0:
			join()
		case 1:
			if len(here) > 2 {
				name := pick()
				here[name]()
				delete(here, name)
			}
		case 2, 3:
			name := pick()
			c.hurt.Cut(name)
			time.AfterFunc(time.Duration(dice.IntN(9000))*time.Millisecond, func() { c.hurt.Heal(name) })
		case 4:
			c.hurt.Down()
			time.Sleep(time.Duration(dice.IntN(9000)) * time.Millisecond)
			c.hurt.Up()
		case 5:
			if dice.IntN(3) == 0 {
				c.hurt.Wipe()
			}
		}
	}
	c.await("everything is committed", 10*time.Minute, c.source.done)
	for _, name := range slices.Sorted(maps.Keys(here)) {
		here[name]()
	}
	twice := c.check()
	t.Logf("%d workers, %d records came twice, failures %v", names, twice, c.source.failed)
}

package brokerfaults

import (
	"testing"
	"time"
)

// drawn goes from fault to fault as the seed has it, each for up to a few seconds,
// with pauses between, and tells each.
func drawn(l *lab) {
	kinds := []struct {
		name  string
		fault func(d time.Duration) func(*lab)
	}{
		{"gone", gone}, {"frozen", frozen}, {"too few replicas", tooFewReplicas},
		{"moving leaders", func(time.Duration) func(*lab) { return movingLeaders(100 * time.Millisecond) }},
		{"moving coordinators", func(time.Duration) func(*lab) { return movingCoordinators(300 * time.Millisecond) }},
		{"coming and going", func(d time.Duration) func(*lab) { return comingAndGoing(d / 2) }},
		{"cuts", func(time.Duration) func(*lab) { return cuts(100) }},
		{"ambiguous acks", func(time.Duration) func(*lab) { return ambiguousAcks }},
		{"wrong leaders", func(time.Duration) func(*lab) { return wrongLeaders }},
		{"refused commits", func(time.Duration) func(*lab) { return refusedCommits }},
	}
	for began := time.Now(); l.ctx.Err() == nil; {
		k := kinds[l.rng.IntN(len(kinds))]
		d := or(100*time.Millisecond, 500*time.Millisecond) + time.Duration(l.rng.Int64N(int64(or(400*time.Millisecond, 4500*time.Millisecond))))
		l.t.Logf("%.1f s: %s for %v", time.Since(began).Seconds(), k.name, d.Round(time.Millisecond))
		l.during(d, k.fault(d))
		l.pass(time.Duration(l.rng.Int64N(int64(or(200*time.Millisecond, 2*time.Second)))))
	}
}

// TestRandomFaults goes on for ten minutes with the build tag faults.
func TestRandomFaults(t *testing.T) {
	n, rate := 75_000, 15_000
	if long {
		n, rate = 6_000_000, 10_000
	}
	t.Logf("-seed %d", *seed)
	s := newLab(t, *seed).suffer(n, rate, drawn)
	row{replays: true}.judge(t, s)
}

package brokerfaults

import (
	"flag"
	"testing"
	"time"

	"github.com/waterspout/waterspout/topology"
)

var seed = flag.Uint64("seed", 1, "of the faults that are drawn")

// A row is a fault, and what it may do.
type row struct {
	number  string // in docs/faults.md
	name    string
	fault   func(*lab)
	replays bool          // records may fail, and come later and out of order
	kept    float64       // at least so many percent of the input's rate; a third of it beside other tests
	stale   time.Duration // commits stand still for so long at most
	back    time.Duration // there is output again so long after the fault at most
}

// or is the length of a fault: long with the build tag faults.
func or(short, whole time.Duration) time.Duration {
	if long {
		return whole
	}
	return short
}

var rows = []row{
	{number: "25", name: "gone", fault: gone(or(time.Second, 5*time.Second)), back: 10 * time.Second},
	{number: "26", name: "frozen", fault: frozen(or(time.Second, 30*time.Second)), replays: true, back: 5 * time.Second},
	{number: "27", name: "moving leaders", fault: movingLeaders(or(200*time.Millisecond, 2*time.Second)), kept: 70},
	{number: "27", name: "wrong leaders", fault: wrongLeaders},
	{number: "28", name: "ambiguous acks", fault: ambiguousAcks},
	{number: "28", name: "cuts", fault: cuts(300)},
	{number: "29", name: "too few replicas", fault: tooFewReplicas(or(time.Second, 30*time.Second)), replays: true},
	{number: "32", name: "refused commits", fault: refusedCommits},
	{number: "33", name: "moving coordinators", fault: movingCoordinators(or(500*time.Millisecond, 3*time.Second)), stale: 5 * time.Second},
	{number: "34", name: "coming and going", fault: comingAndGoing(or(300*time.Millisecond, 2*time.Second)), kept: 30},
}

func TestFaults(t *testing.T) {
	n, rate := 30_000, 15_000
	if long {
		n, rate = 1_000_000, 25_000
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			r.judge(t, newLab(t, *seed).suffer(n, rate, r.fault))
		})
	}
}

func (r row) judge(t *testing.T, s seen) {
	if s.Hits == 0 {
		t.Error("the fault never struck")
	}
	if s.Duplicates > 0 {
		t.Errorf("%d records doubled, although nothing crashed", s.Duplicates)
	}
	if !r.replays && s.Replayed > 0 || uint64(s.Disorder) > s.Replayed {
		t.Errorf("%d records replayed, %d out of order", s.Replayed, s.Disorder)
	}
	if most := tasks * (topology.DefaultMaxPending + batch); s.Pending > most {
		t.Errorf("%d trees were open, want %d at most", s.Pending, most)
	}
	if r.back > 0 && (s.Back == 0 || s.Back > r.back) {
		t.Errorf("output again after %v, want %v at most", s.Back, r.back)
	}
	want := r.kept
	if !long {
		want /= 3
	}
	if kept := s.kept(); kept < want {
		t.Errorf("%.0f %% of the input's rate kept, want %.0f %%", kept, want)
	}
	if r.stale > 0 && s.Stale > r.stale {
		t.Errorf("commits stood still for %v", s.Stale)
	}
}

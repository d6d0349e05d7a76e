package simulation_test

import (
	"flag"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/waterspout/waterspout/internal/simulation"
)

var (
	seed  = flag.Uint64("seed", 0, "run this seed alone, with a trace")
	seeds = flag.Uint64("seeds", 0, "how many seeds to run; 0: as many as there is time for")
	first = flag.Uint64("first", 1, "the first of them")
)

// enough is how many broken seeds are looked at before a run gives up.
const enough = 3

func TestSeeds(t *testing.T) {
	if *seed != 0 {
		r := simulation.Run(*seed, os.Stdout)
		t.Logf("%+v", r)
		check(t, r)
		return
	}
	s := sum{t: t}
	s.next.Store(*first)
	s.last = *first + count() - 1
	var group sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		group.Go(s.run)
	}
	group.Wait()
	t.Logf("%+v", s.all)
	if *seeds == 0 && s.all.Replays > s.all.Faults/4 { // most faults are of one frame, and lose no tree or one
		t.Errorf("%d replays of %d faults: more fails than was lost", s.all.Replays, s.all.Faults)
	}
	if *seeds == 0 && !raceEnabled && s.broken == 0 && (s.all.Replays == 0 || s.all.Overlaps == 0 || s.all.Cuts == 0) {
		t.Error("the runs are too quiet to prove anything")
	}
}

func count() uint64 {
	switch {
	case *seeds != 0:
		return *seeds
	case raceEnabled:
		return 60
	case testing.Short():
		return 400
	}
	return 4000
}

// A sum is what many runs came to.
type sum struct {
	t    *testing.T
	next atomic.Uint64
	last uint64

	mu     sync.Mutex // guards the rest
	broken int
	all    simulation.Result
}

func (s *sum) run() {
	for {
		n := s.next.Add(1) - 1
		if n > s.last {
			return
		}
		if !s.add(simulation.Run(n, nil)) {
			return
		}
	}
}

// add reports whether to go on.
func (s *sum) add(r simulation.Result) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !check(s.t, r) {
		s.broken++
	}
	s.all.End = max(s.all.End, r.End)
	s.all.Faults += r.Faults
	s.all.Replays += r.Replays
	s.all.Overlaps += r.Overlaps
	s.all.Cuts += r.Cuts
	return s.broken < enough
}

func check(t *testing.T, r simulation.Result) bool {
	switch {
	case r.Bad != "":
		t.Errorf("seed %d, %s", r.Seed, r.Bad)
	case r.Timeouts > 0:
		t.Errorf("seed %d: %d trees timed out: what they lost was not told", r.Seed, r.Timeouts)
	default:
		return true
	}
	t.Logf("a trace of it: go test ./internal/simulation -run TestSeeds -seed %d", r.Seed)
	return false
}

// TestRepeats proves that a seed is a run.
func TestRepeats(t *testing.T) {
	for n := range uint64(20) {
		if a, b := simulation.Run(n, nil), simulation.Run(n, nil); a != b {
			t.Errorf("seed %d: %+v, and again: %+v", n, a, b)
		}
	}
}

// each is how many seeds a case is run with.
func each() uint64 {
	if raceEnabled {
		return 2
	}
	return 20
}

// TestCases runs what broken rules were found with. What a case is does not change with
// the simulation, as the run of a seed does. One trouble is too rare to be a case: pairs
// for a spout instance that a worker has yet to hear of are in TestHomes of
// internal/engine.
func TestCases(t *testing.T) {
	for _, c := range simulation.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			var all simulation.Result
			for n := uint64(1); n <= each(); n++ {
				r := c.Run(n, nil)
				if !check(t, r) {
					c.Run(n, os.Stdout)
					break
				}
				all.Faults += r.Faults
				all.Replays += r.Replays
			}
			if all.Faults == 0 {
				t.Error("nothing went wrong")
			}
			t.Logf("%d faults, %d replays", all.Faults, all.Replays)
		})
	}
}

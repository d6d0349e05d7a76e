package simulation

import (
	"fmt"
	"io"
	"math/rand/v2"
)

// A Result is what a run came to.
type Result struct {
	Seed     uint64
	Bad      string // the invariant that was broken first, empty if none was
	End      int64  // virtual time in nanoseconds
	Timeouts int    // trees that failed by time: each is a loss of which nobody was told
	Replays  int
	Faults   int // that were injected
	Overlaps int // emits while another instance of the spout task was active that could not know better
	Cuts     int // tasks and workers that were ended by force, since they did not within the grace
}

// A simulation is one run.
type simulation struct {
	clock
	oracle
	registry
	rng       *rand.Rand
	plan      plan
	wire      wire
	store     *store
	processes []*process // alive, in order of their start
	all       []*process
	started   int
	stuck     int64 // until when the broker answers no writes
	largest   int   // body of a section
	trace     io.Writer

	bad                                       string
	timeouts, replays, struck, overlaps, cuts int
}

// Run runs a seed. What happens is written to trace, if that is not nil.
func Run(seed uint64, trace io.Writer) Result { return run(seed, nil, trace) }

// run runs a seed with a plan, which the seed draws if it is nil.
func run(seed uint64, p *plan, trace io.Writer) Result {
	s := &simulation{registry: newRegistry(), rng: rand.New(rand.NewPCG(seed, 1)), trace: trace}
	if p != nil {
		s.plan = *p
	} else {
		s.plan = draw(s)
	}
	s.tracef("%+v", s.plan)
	s.wire = wire{sim: s, paths: map[path]*trail{}}
	s.store = newStore(s)
	_, n := tasksOf(spouts)
	for task := range n {
		s.partitions = append(s.partitions, &partition{sim: s, task: task, size: s.plan.size, tries: make([][]attempt, s.plan.size)})
	}
	for range fewest {
		s.start()
	}
	s.after(2*second, s.trouble)
	for s.bad == "" && !s.finished() && s.step() {
		if s.now > endAt {
			s.fault("Live: committed are %d and %d of %d", s.partitions[0].committed, s.partitions[1].committed, s.plan.size)
		}
	}
	s.bounded()
	for _, p := range s.all {
		for _, f := range p.fibers {
			f.kill()
		}
	}
	return Result{
		Seed: seed, Bad: s.bad, End: s.now, Timeouts: s.timeouts, Replays: s.replays,
		Faults: s.struck, Overlaps: s.overlaps, Cuts: s.cuts,
	}
}

// bounded checks that there are few replays. A record comes again when its tree failed.
// A fault can meet, or make a worker give up, no more trees than are open at once in
// all ledgers; so can a task that is ended by force. (L8 fails trees a second time when
// all have heard of a loss, but only those that were opened since: of 3,000 seeds
// none had more than half of what is allowed.)
func (s *simulation) bounded() {
	_, n := tasksOf(spouts)
	if most := n * maxPending * (s.struck + s.cuts); s.replays > most {
		s.fault("Replays: %d of %d faults and %d tasks that were cut", s.replays, s.struck, s.cuts)
	}
}

// fault says that an invariant does not hold.
func (s *simulation) fault(format string, args ...any) {
	if s.bad == "" {
		s.bad = fmt.Sprintf("at %d ms: ", s.now/milli) + fmt.Sprintf(format, args...)
		s.tracef("%s", s.bad)
	}
}

func (s *simulation) tracef(format string, args ...any) {
	if s.trace != nil {
		fmt.Fprintf(s.trace, "%9.3f ", float64(s.now)/float64(second))
		fmt.Fprintf(s.trace, format+"\n", args...)
	}
}

// process is the one of that name, nil if it is dead.
func (s *simulation) process(name string) *process {
	for _, p := range s.processes {
		if p.name == name {
			return p
		}
	}
	return nil
}

package simulation

import "github.com/waterspout/waterspout/transport"

// When things stop going wrong, and when all must be done.
const (
	healAt = 20 * second
	endAt  = 300 * second
)

// A plan is what goes wrong in one run, and how often.
type plan struct {
	drop, double, reorder, corrupt float64 // of frames
	lateCall, lostAnswer           float64 // of calls of the store
	lateNews                       float64 // of what watches tell
	panics                         float64 // of executions
	events                         float64 // of those below, at each quarter of a second
	weights                        [events]int
	slow                           [16]bool // tasks, by number
	gap                            int64    // at most between emits
	padding                        int      // of tuples, in bytes
	size                           int64    // of a partition
	calm                           bool     // nothing is lost: tasks only move, and must do so without a replay
}

// What may happen to a worker, to the net or to the store.
const (
	crash = iota
	pauseShort
	pauseLong
	leave
	join
	disconnect
	isolate
	deafen
	silence
	cut
	congest
	jam
	stuck
	outage
	storeless
	lag
	wipe
	events
)

// draw makes the plan of a run: most runs have few kinds of trouble, so that each is
// seen without the others, too.
func draw(s *simulation) plan {
	rate := func(most float64) float64 {
		if s.rng.IntN(2) == 0 {
			return 0
		}
		return s.rng.Float64() * most
	}
	p := plan{
		drop: rate(0.05), double: rate(0.05), reorder: rate(0.03), corrupt: rate(0.03),
		lateCall: rate(0.05), lostAnswer: rate(0.05), lateNews: rate(0.3), panics: rate(0.02), events: rate(0.15),
		gap: 20*milli + s.rng.Int64N(500*milli), padding: 1 + s.rng.IntN(300), size: 20 + s.rng.Int64N(30),
	}
	for i := range p.weights {
		p.weights[i] = max(s.rng.IntN(6)-2, 0)
	}
	if p.weights[wipe] > 1 {
		p.weights[wipe] = s.rng.IntN(2)
	}
	for i := range p.slow {
		p.slow[i] = s.rng.IntN(6) == 0
	}
	if s.rng.IntN(4) == 0 {
		p.becalm(s)
	}
	return p
}

// becalm leaves of a plan what loses nothing.
func (p *plan) becalm(s *simulation) {
	p.calm = true
	p.drop, p.double, p.reorder, p.corrupt, p.lateCall, p.lostAnswer, p.panics = 0, 0, 0, 0, 0, 0, 0
	p.events = 0.05 + s.rng.Float64()*0.1
	p.weights = [events]int{leave: 3, join: 3, congest: p.weights[congest], lag: p.weights[lag], stuck: p.weights[stuck], pauseShort: p.weights[pauseShort]}
}

// strike reports whether trouble of that rate happens now.
func (s *simulation) strike(rate float64) bool {
	if rate == 0 || s.now >= healAt || s.rng.Float64() >= rate {
		return false
	}
	s.struck++
	return true
}

func (s *simulation) slow(task uint32) bool { return s.plan.slow[task] && s.now < healAt }

// trouble is what happens four times a second.
func (s *simulation) trouble() {
	if s.now >= healAt {
		s.heal()
		return
	}
	if s.strike(s.plan.events) {
		s.happen(s.pick())
	}
	s.recruit()
	s.after(second/4, s.trouble)
}

func (s *simulation) pick() int {
	sum := 0
	for _, w := range s.plan.weights {
		sum += w
	}
	if sum == 0 {
		return crash
	}
	n := s.rng.IntN(sum)
	for i, w := range s.plan.weights {
		if n -= w; n < 0 {
			return i
		}
	}
	return crash
}

// span is a time up to most.
func (s *simulation) span(most int64) int64 { return second/10 + s.rng.Int64N(most) }

func (s *simulation) happen(what int) {
	if len(s.processes) == 0 {
		return
	}
	p := s.processes[s.rng.IntN(len(s.processes))]
	q := s.processes[s.rng.IntN(len(s.processes))]
	until := s.now + s.span(6*second)
	s.tracef("trouble %d for %s", what, p.name)
	switch what {
	case crash:
		p.crash()
	case pauseShort:
		p.pause(s.span(2 * second))
	case pauseLong:
		p.pause(3*second + s.span(5*second))
	case leave:
		p.drain()
	case join:
		s.start()
	case disconnect:
		p.line.generation++
	case isolate:
		p.line.deaf, p.line.mute = until, until
	case deafen:
		p.line.deaf = until
	case silence:
		p.line.mute = until
	case storeless:
		p.line.storeless = until
	case lag:
		p.line.lagging = until
	case stuck:
		s.stuck = s.now + s.span(14*second)
	case outage:
		s.store.away = until
	case wipe:
		s.store.wipe()
	default:
		s.breakPath(what, p, q, until)
	}
}

// breakPath cuts one way between two workers, makes it slow, or lets nothing arrive
// until it all does.
func (s *simulation) breakPath(what int, p, q *process, until int64) {
	for lane := range transport.Lane(transport.Lanes) {
		t := s.wire.trail(path{p.name, q.name, lane})
		switch what {
		case cut:
			t.cut = until + s.rng.Int64N(8*second)
		case jam:
			t.jam = until + s.rng.Int64N(3*second)
		default:
			t.slow = until
		}
	}
}

const (
	fewest = 3
	most   = 4
)

// recruit starts workers when there are too few, and lets one leave when there are
// too many.
func (s *simulation) recruit() {
	stay := 0
	for _, p := range s.processes {
		if !p.draining {
			stay++
		}
	}
	if stay < fewest && s.rng.IntN(8) == 0 || stay == 0 {
		s.start()
	}
	if stay > most {
		s.processes[s.rng.IntN(len(s.processes))].drain()
	}
}

// heal ends all trouble.
func (s *simulation) heal() {
	s.tracef("all is well from here on")
	s.store.away, s.stuck = 0, 0
	for _, p := range s.processes {
		for _, until := range []*int64{&p.line.deaf, &p.line.mute, &p.line.storeless, &p.line.lagging} {
			*until = min(*until, s.now)
		}
		p.proceed()
	}
	for _, t := range s.wire.paths {
		t.cut, t.slow, t.jam = 0, 0, 0
	}
	for len(s.processes) < fewest {
		s.start()
	}
}

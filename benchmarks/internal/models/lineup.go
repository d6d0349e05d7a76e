package models

import "slices"

// A Lineup says which engines take part in what.
type Lineup struct {
	Drain     []Engine   // a backlog
	Sustain   []Engine   // the search for the sustainable rate; the first are compared, and define the half load
	Half      []Engine   // half of the lowest sustainable rate of those compared
	Curve     []Engine   // latency against load
	Intervals []Interval // micro-batch engines at the half load
	Kill      []Engine
	Poison    []Engine // engines that count their attempts
	Grow      []Engine // cost as the work grows
	Paired    int      // how many of Sustain are compared
	Reference string   // name of the engine that the others stand beside
}

// An Interval is a micro-batch engine of a batch interval, in seconds.
type Interval struct {
	Seconds float64
	Engine  Engine
}

// Names of the experiments.
const (
	drain       = "drain"
	sustainable = "sustainable"
	half        = "half"
	curve       = "latency"
	interval    = "interval"
	kill        = "kill"
	poison      = "poison"
	growTasks   = "tasks"
	growPending = "pending"
	growSize    = "size"
	growParts   = "partitions"
)

// Besides are those that engines of other people take part in: none of them can be
// given poison.
var Besides = []string{drain, sustainable, half, kill}

// backlogs are the experiments without an offered load.
var backlogs = []string{drain, growTasks, growPending, growSize, growParts}

// Experiments are the names of all, in the order in which they are run.
var Experiments = []string{drain, sustainable, half, curve, interval, kill, poison, growTasks, growPending, growSize, growParts}

// A Plan says how much is measured.
type Plan struct {
	Name        string
	Experiments []string
	Repeats     int // of everything, but
	Bisections  int // of the search
	Tries       int // of a run, until it is not void
	Rules       Rules
	Quiet       float64 // seconds that a run waits for a quiet machine
	Few         bool    // the engines that are compared first take part, and no others but in the drain

	Backlog    int     // records
	Warm       float64 // share of a backlog that passes before its clock starts
	Partitions int
	Probes     int // of a search
	Probe      Span
	Load       Span
	Kill       Span
	Fault      float64   // seconds into a load, when the process is killed
	Fractions  []float64 // of the sustainable rate, for latency against load
	Poison     uint64    // of so many records one is poisoned, at the half load
	Dilute     float64   // and at this share of it

	Tasks, Pending, Sizes, Parts []int
	Bytes                        int // of the backlogs of Sizes
}

// A Span is how long a load is offered, and when its measured part begins at the
// earliest and at the latest, in seconds.
type Span struct{ Seconds, From, Until float64 }

// Full measures everything. On two cores it takes a good hour.
var Full = Plan{
	Name: "full", Experiments: Experiments, Repeats: 5, Bisections: 5, Tries: 5, Rules: Strict, Quiet: 40,
	Backlog: 2_000_000, Warm: .1, Partitions: 5,
	Probes: 4, Probe: Span{7, 2, 2}, Load: Span{11, 2, 5}, Kill: Span{14, 2, 2}, Fault: 5,
	Fractions: []float64{.1, .25, .5, .8, .95, 1.1}, Poison: 10_000, Dilute: .1,
	Tasks: []int{1, 2, 4, 8}, Pending: []int{1000, 10_000, 100_000},
	Sizes: []int{100, 1000, 10_000}, Parts: []int{5, 50}, Bytes: 100 << 20,
}

// Headline measures what is told first, in less than ten minutes.
var Headline = Plan{
	Name: "headline", Experiments: []string{drain, sustainable, half, kill, poison}, Repeats: 3, Bisections: 1, Tries: 3, Rules: Strict, Quiet: 2, Few: true,
	Backlog: 2_000_000, Warm: .1, Partitions: 5,
	Probes: 4, Probe: Span{6, 2, 2}, Load: Span{9, 2, 4}, Kill: Span{11, 2, 2}, Fault: 4, Poison: 10_000,
}

// Smoke shows that everything works, in some twenty seconds.
var Smoke = Plan{
	Name: "short", Experiments: []string{drain, half, kill, poison}, Repeats: 1, Bisections: 1, Tries: 1, Rules: Lenient, Few: true,
	Backlog: 300_000, Warm: .1, Partitions: 5,
	Load: Span{2, 0, 0}, Kill: Span{3, 0, 0}, Fault: 1.5, Poison: 1000,
}

func (p Plan) has(experiment string) bool { return slices.Contains(p.Experiments, experiment) }

// FaultAfter is the plan with a load that is so many seconds old, at least, when the
// process is killed.
func (p Plan) FaultAfter(seconds float64) Plan {
	later := max(seconds-p.Fault, 0)
	p.Fault += later
	p.Kill.Seconds += later
	return p
}

// Compiled is the plan with backlogs so large that engines which compile what they
// run often have done that when the clock starts.
func (p Plan) Compiled() Plan {
	p.Backlog, p.Warm = 2*p.Backlog, .5
	return p
}

// few is the lineup with only the engines that are compared first, but for the
// drain.
func (l Lineup) few() Lineup {
	n := min(l.Paired, len(l.Sustain))
	l.Sustain = l.Sustain[:n]
	keep := func(es []Engine) []Engine {
		return slices.DeleteFunc(slices.Clone(es), func(e Engine) bool {
			return !slices.ContainsFunc(l.Sustain, func(s Engine) bool { return s.Name == e.Name })
		})
	}
	l.Half, l.Kill, l.Poison = keep(l.Half), keep(l.Kill), keep(l.Poison)
	return l
}

// compiling is how many records prime an engine that compiles what it runs often.
const compiling = 50_000

// Beside is the lineup of our engines that stand for the two models, with others as
// their peers.
func (l Lineup) Beside(others []Engine) Lineup {
	for i := range others {
		others[i].Prime = max(others[i].Prime, compiling)
	}
	pair := l.few()
	floor := slices.DeleteFunc(slices.Clone(l.Drain), func(e Engine) bool { return e.Name != Loop })
	all := slices.Concat(pair.Sustain, slices.DeleteFunc(slices.Clone(others), func(e Engine) bool { return e.Aside }))
	return Lineup{
		Drain: slices.Concat(floor, all), Sustain: all, Half: slices.Concat(pair.Sustain, others), Curve: all, Kill: all,
		Poison: pair.Poison, Grow: pair.Sustain, Paired: len(all), Reference: l.Reference,
	}
}

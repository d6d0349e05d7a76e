package simulation

import "io"

// A Case is a plan that is written down: what goes wrong, and nothing else. A seed
// draws only when.
type Case struct {
	Name string
	plan plan
}

// Run runs the case with a seed.
func (c Case) Run(seed uint64, trace io.Writer) Result { return run(seed, &c.plan, trace) }

// usual is a plan in which all is well.
func usual() plan { return plan{gap: 400 * milli, padding: 100, size: 40} }

// often is a plan in which these things happen, one every second.
func often(what ...int) plan {
	p := usual()
	p.events = .25
	for _, w := range what {
		p.weights[w]++
	}
	return p
}

// Cases are the troubles that broken rules were found with, each without the others.
func Cases() []Case {
	with := func(p plan, change func(*plan)) plan {
		change(&p)
		return p
	}
	late := func(p *plan) { p.lateNews = .5 }
	slow := func(p *plan) {
		for i := range p.slow {
			p.slow[i] = true
		}
	}
	return []Case{
		{"workers come and go, and some hear of it late", with(often(leave, join, lag, lag), func(p *plan) { p.lateNews, p.events, p.gap, p.size = .5, .5, 50*milli, 150 })},
		{"workers die, and some hear of it late", with(often(crash, crash, lag), late)},
		{"a worker cannot reach the store, and the others can", often(storeless, isolate)},
		{"all workers lose the store", often(outage)},
		{"tasks move while the broker is stuck", often(leave, join, stuck)},
		{"connections break with frames on their way", with(often(disconnect), func(p *plan) { p.gap, p.size = 100*milli, 150 })},
		{"connections break while inboxes are full", with(with(often(disconnect, jam), slow), func(p *plan) { p.gap, p.size, p.padding = 100*milli, 150, 300 })},
		{"frames are lost", with(usual(), func(p *plan) { p.drop = .05 })},
		{"frames come twice, and late", with(usual(), func(p *plan) { p.double, p.reorder = .05, .03 })},
		{"workers stand still", often(pauseShort, pauseLong)},
		{"the store is wiped", often(wipe, crash)},
	}
}

package simulation

import (
	"fmt"
	"slices"
)

// A process is a worker's operating system process and its line to the net. In each
// session it has another name there, its member id.
type process struct {
	sim    *simulation
	name   string
	alive  bool
	paused bool
	missed []func() // events that came while it was paused
	woke   int64    // when it went on after the last pause
	fibers []*fiber
	main   *fiber
	ids    int // members it was

	session  *session
	draining bool // told to leave

	line line // to the net
}

// start begins a new process.
func (s *simulation) start() *process {
	s.started++
	p := &process{sim: s, name: fmt.Sprintf("w%d", s.started), alive: true, woke: -second * 1000}
	s.processes = append(s.processes, p)
	s.all = append(s.all, p)
	s.tracef("%s starts", p.name)
	p.main = p.fiber(p.live)
	return p
}

// after plans f as an event of the process: it happens when that runs, or never.
func (p *process) after(d int64, f func()) {
	var run func()
	run = func() {
		switch {
		case !p.alive:
		case p.paused:
			p.missed = append(p.missed, run)
		default:
			f()
		}
	}
	p.sim.after(d, run)
}

// crash ends the process without a word.
func (p *process) crash() {
	p.sim.tracef("%s crashes", p.name)
	p.exit()
	for _, f := range p.fibers {
		f.kill()
	}
}

func (p *process) exit() {
	p.alive = false
	p.sim.processes = slices.DeleteFunc(p.sim.processes, func(q *process) bool { return p == q })
}

func (p *process) pause(d int64) {
	if p.paused {
		return
	}
	p.sim.tracef("%s is stopped for %d ms", p.name, d/milli)
	p.paused = true
	p.sim.after(d, p.proceed)
}

// proceed ends a pause.
func (p *process) proceed() {
	if !p.paused || !p.alive {
		return
	}
	p.sim.tracef("%s goes on", p.name)
	p.paused, p.woke = false, p.sim.now
	missed := p.missed
	p.missed = nil
	for _, f := range missed {
		p.sim.after(0, f)
	}
}

// drain makes the worker leave.
func (p *process) drain() {
	if !p.draining {
		p.sim.tracef("%s is told to leave", p.name)
		p.draining = true
		p.main.wake()
	}
}

// live is the main fiber: from session to session.
func (p *process) live(f *fiber) {
	for {
		m := p.join(f)
		if m == nil {
			break
		}
		s := openSession(p, m, f)
		p.session = s
		err := s.run()
		p.session = nil
		if err != errLost {
			break
		}
		p.sim.tracef("%s lost its lease and joins afresh", m.id)
	}
	p.sim.tracef("%s ends", p.name)
	p.exit()
}

// join becomes a member; nil says that the process was told to leave meanwhile.
func (p *process) join(f *fiber) *member {
	for {
		m := newMember(p, f)
		for !m.named && m.lost == nil && !p.draining {
			f.wait(never)
		}
		if m.named && m.lost == nil {
			return m
		}
		m.leave(f, p.sim.now+second)
		if p.draining {
			p.sim.plan.calm = false // the others may have given it tasks
			return nil
		}
	}
}

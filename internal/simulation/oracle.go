package simulation

import (
	"encoding/binary"

	"github.com/waterspout/waterspout/acker"
	"github.com/waterspout/waterspout/internal/assign"
)

// An oracle knows what happened to every tuple, whoever was told of it.
type oracle struct {
	nodes      []truth
	partitions []*partition // by number of the spout task
}

// A node is a tuple that was emitted.
type node uint32

// An attempt is the children of one execution of a tuple, or of a record.
type attempt []node

// A truth is what became of a tuple: each execution made children, or it was written.
type truth struct {
	executions []attempt
	done       bool // once, and so for ever
}

func (n node) append(b []byte) []byte { return binary.LittleEndian.AppendUint32(b, uint32(n)) }
func nodeOf(value []byte) node        { return node(binary.LittleEndian.Uint32(value)) }

// grow is a new tuple.
func (o *oracle) grow() node {
	o.nodes = append(o.nodes, truth{})
	return node(len(o.nodes) - 1)
}

func (o *oracle) executed(n node, children attempt) {
	o.nodes[n].executions = append(o.nodes[n].executions, children)
}

func (o *oracle) confirm(n node) { o.nodes[n].done = true }

// whole reports whether all tuples of an attempt have come to writes, by some
// execution each.
func (o *oracle) whole(a attempt) bool {
	for _, n := range a {
		if !o.done(n) {
			return false
		}
	}
	return true
}

func (o *oracle) done(n node) bool {
	t := &o.nodes[n]
	for i := 0; i < len(t.executions) && !t.done; i++ {
		if o.whole(t.executions[i]) {
			o.nodes[n].done = true
		}
	}
	return o.nodes[n].done
}

// A partition is what one spout task reads, and what its consumer group knows.
type partition struct {
	sim        *simulation
	task       int
	size       int64
	committed  int64
	generation int // of the last member
	tries      [][]attempt
}

func (o *oracle) partition(task int) *partition { return o.partitions[task] }

func (p *partition) join() int {
	p.generation++
	return p.generation
}

// try takes down an attempt at a record. When nothing is lost there is one.
func (p *partition) try(offset int64, a attempt) {
	p.tries[offset] = append(p.tries[offset], a)
	if len(p.tries[offset]) > 1 && p.sim.plan.calm && p.sim.cuts == 0 {
		p.sim.fault("Calm: offset %d of task %d is emitted again, and nothing was lost", offset, p.task)
	}
}

// commit takes an offset from the last member, and refuses that of others.
func (p *partition) commit(generation int, offset int64) {
	if generation != p.generation {
		return
	}
	if offset < p.committed {
		p.sim.fault("the commit of task %d goes back from %d to %d", p.task, p.committed, offset)
	}
	for ; p.committed < offset; p.committed++ {
		whole := false
		for _, a := range p.tries[p.committed] {
			whole = whole || p.sim.whole(a)
		}
		if !whole {
			p.sim.fault("S1: offset %d of task %d is committed, and no attempt was whole", p.committed, p.task)
		}
	}
}

// finished reports whether everything is committed.
func (o *oracle) finished() bool {
	for _, p := range o.partitions {
		if p.committed < p.size {
			return false
		}
	}
	return true
}

// timedOut counts a timeout: losses are told, so there should be none.
func (s *simulation) timedOut(sp *spoutTask, e acker.Ended) {
	s.timeouts++
	s.tracef("%s: %v, offset %d of task %d, open since %d ms, timed out", sp.tenant.session.id, e.Root, e.ID, sp.task, e.Born/milli)
}

// alone checks, when a spout task emits, that no other instance of it might.
func (s *simulation) alone(sp *spoutTask) {
	for _, p := range s.processes {
		if p.session == nil {
			continue
		}
		for _, t := range p.session.tenants {
			if t.spout == nil || t.spout == sp || t.spout.task != sp.task || !t.spout.active() {
				continue
			}
			if here := sp.tenant.session; here.unaware() || p.session.unaware() || p.session.doc.Nonce != here.doc.Nonce {
				s.overlaps++
				continue
			}
			s.fault("two: %v emits at %s, and %v may at %s", sp.tenant.at, sp.tenant.session.id, t.at, p.session.id)
		}
	}
}

// zombie is how long after a pause a worker may not know that it was taken for dead.
const zombie = 2 * second

// unaware reports whether a worker cannot know that others may have its tasks: it has
// just stood still, or all that it knows of are cut off from the store as it is, and
// somebody that it never heard of is not. (The third case is one that the store forgot.)
func (s *session) unaware() bool {
	return s.sim.now-s.process.woke < zombie || s.member.doubtful() && s.shared()
}

// bury checks that who is taken for dead gave a reason.
func (s *simulation) bury(by *member, id string) {
	for _, p := range s.processes {
		if p.session != nil && p.session.id == id && p.well() && by.process.well() {
			s.fault("Lease: %s takes %s for dead, and it is well", by.id, id)
		}
	}
}

// well reports whether a process has been running, and has reached the store whenever
// that was there, for longer than its lease.
func (p *process) well() bool {
	s := p.sim
	since := s.now - int64(assign.TTL) - 2*second
	l := p.line
	return !p.paused && p.woke < since && max(l.deaf, l.mute, l.storeless, l.lagging) < since &&
		s.plan.lateCall == 0 && s.plan.lostAnswer == 0 && s.plan.lateNews == 0
}

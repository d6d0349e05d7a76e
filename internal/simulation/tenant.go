package simulation

import (
	"slices"

	"github.com/waterspout/waterspout/internal/frame"
)

// A stage is how far a task is.
type stage int

// The stages, in their order.
const (
	opening stage = iota
	working
	settled // of a spout: it emits no more, and every tree has ended
	closing
)

// A tenant is one instance of a task in a session.
type tenant struct {
	session *session
	at      frame.Address
	stage   stage
	spout   *spoutTask // one of these
	bolt    *boltTask

	out     []section // that wait for credit or a place, in order
	targets []int     // of out: numbers of tasks
	stopped bool
	hung    bool
	until   int64 // when it is cut, if it is on its way out
	ended   bool
}

func (s *session) tenant(a frame.Address) *tenant {
	for _, t := range s.tenants {
		if t.at == a {
			return t
		}
	}
	return nil
}

// begin starts an instance, which takes a while to open.
func (s *session) begin(a frame.Address) {
	t := &tenant{session: s, at: a}
	s.tenants = append(s.tenants, t)
	s.sim.tracef("%s begins %v", s.id, a)
	if shape[a.Task].Spout {
		t.spout = newSpoutTask(t)
	} else {
		t.bolt = newBoltTask(t)
	}
	s.after(s.sim.rng.Int64N(50*milli), t.open)
}

func (t *tenant) open() {
	if t.ended {
		return
	}
	t.stage = working
	if t.spout != nil {
		t.spout.open()
		return
	}
	if t.session.places[t.at.Task].instance == t.at.Instance { // else it moved meanwhile
		t.session.move(int(t.at.Task), place{instance: t.at.Instance, here: t})
	}
	t.session.mesh.accept(t.at)
}

// leave forgets the tenant.
func (t *tenant) leave() {
	if t.ended {
		return
	}
	t.ended = true
	s := t.session
	s.sim.tracef("%s: %v has ended", s.id, t.at)
	if s.places[t.at.Task].here == t {
		s.move(int(t.at.Task), place{instance: t.at.Instance})
	}
	s.mesh.refuse(t.at)
	s.tenants = slices.DeleteFunc(s.tenants, func(u *tenant) bool { return t == u })
	s.fiber.wake()
}

// cut ends the task now: what it had in hand fails (T3, D3).
func (t *tenant) cut() {
	if t.spout != nil {
		t.spout.close()
	} else {
		t.bolt.forsake()
	}
	t.leave()
}

// abandon ends it without a word: the session is over.
func (t *tenant) abandon() {
	if t.spout != nil {
		t.spout.over = true
	}
	t.leave()
}

// tend begins and ends tasks, and reports whether some are on their way.
func (s *session) tend() (busy bool) {
	for _, t := range slices.Clone(s.tenants) {
		busy = t.see() || busy
	}
	if s.leaving || s.suspended || s.doc.Drain {
		return busy
	}
	for i := range s.doc.Tasks {
		a := address(i, s.doc.Tasks[i].Placement)
		if s.doc.Runs(s.id, i, shape[i]) && s.tenant(a) == nil {
			s.begin(a)
		}
	}
	return busy
}

// see does what a task needs now, and reports whether it is on its way out.
func (t *tenant) see() bool {
	s := t.session
	slot := s.doc.Tasks[t.at.Task]
	mine := slot.Worker == s.id && slot.Instance == t.at.Instance
	if t.spout != nil {
		return t.seeSpout(mine)
	}
	if mine {
		return false
	}
	t.hurry()
	if !t.ended && !t.hung && s.passed(slot.Moved) && t.idle() { // G2
		t.hung = true
		t.leave()
	}
	return true
}

func (t *tenant) seeSpout(mine bool) bool {
	s := t.session
	goes := !mine || s.leaving || s.doc.Drain
	if goes && !t.stopped {
		t.stopped = true
		t.spout.stop()
	}
	if t.stopped && t.stage == working && t.spout.pending() == 0 && len(t.out) == 0 {
		t.stage = settled
	}
	if t.stage == settled && (!mine || s.doc.Drain) {
		t.spout.close()
		t.leave()
		return true
	}
	if goes {
		t.hurry()
	}
	return goes
}

// hurry cuts a task that has been on its way out for the grace.
func (t *tenant) hurry() {
	now := t.session.sim.now
	if t.until == 0 {
		t.until = now + grace
	}
	if now > t.until {
		t.session.sim.cuts++
		t.cut()
	}
}

func (t *tenant) idle() bool { return len(t.out) == 0 && t.bolt.idle() }

// deliver puts a parcel into a bolt's inbox; false says that it is not here (G1).
func (s *session) deliver(a frame.Address, p *parcel) bool {
	t := s.tenant(a)
	if t == nil || t.bolt == nil || t.stage != working || t.hung {
		return false
	}
	if s.sim.trace != nil {
		for _, in := range unpack(p.body) {
			s.sim.tracef("%s: %v gets %d of %v", s.id, a, in.node, in.links)
		}
	}
	t.bolt.inbox = append(t.bolt.inbox, p)
	t.bolt.wake()
	return true
}

// put queues a section for a task, and sends it as soon as it can be.
func (t *tenant) put(task int, x section) {
	t.out = append(t.out, x)
	t.targets = append(t.targets, task)
	t.send()
}

const inboxSize = 8

// send sends what there is credit for.
func (t *tenant) send() {
	for len(t.out) > 0 {
		to, x := t.session.places[t.targets[0]], t.out[0]
		switch {
		case to.here != nil && len(to.here.bolt.inbox) < inboxSize:
			if !t.session.deliver(to.here.at, &parcel{body: x.Body, count: x.Count}) {
				return
			}
		case to.away == nil || !to.away.send(x):
			return
		}
		t.out, t.targets = t.out[1:], t.targets[1:]
	}
}

// pump has all tasks look again whether they can send.
func (s *session) pump() {
	if s.pumping {
		return
	}
	s.pumping = true
	s.after(s.sim.rng.Int64N(milli/2), func() {
		s.pumping = false
		for _, t := range slices.Clone(s.tenants) {
			t.send()
			if t.bolt != nil {
				t.bolt.wake()
			}
		}
	})
}

// hasten makes holders of inputs flush them (D2).
func (s *session) hasten() {
	for _, t := range s.tenants {
		if t.bolt != nil && t.stage == working {
			t.bolt.flush()
		}
	}
}

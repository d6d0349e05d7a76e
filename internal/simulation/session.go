package simulation

import (
	"github.com/waterspout/waterspout/acker"
	"github.com/waterspout/waterspout/internal/assign"
	"github.com/waterspout/waterspout/internal/frame"
	"github.com/waterspout/waterspout/tuple"
)

const (
	glance = 10 * milli
	linger = 2 * second
	grace  = 10 * second
)

// A session is what a worker's session and its site are: the time from one join to
// the end of that membership. The main fiber decides; what arrives is taken in by
// events between.
type session struct {
	sim     *simulation
	process *process
	fiber   *fiber
	member  *member
	mesh    *mesh
	id      string
	closed  bool

	doc       assign.Document // the one that was applied
	lost      uint64          // of the newest document
	forsaken  uint64          // the same, when all others had heard of it
	tenants   []*tenant
	places    []place // of the tasks, by number
	abroad    map[uint32]*peer
	early     []acker.Pair // of spout instances that the document does not know yet
	refused   []refusal    // the same
	applied   uint64
	leaving   bool
	deadline  int64
	suspended bool
	hastened  int64
	pumping   bool
}

// A refusal is a tree to be failed.
type refusal struct {
	root tuple.Root
	kind tuple.Kind
}

// A place is where a task is: here, on the way to a peer, or neither yet.
type place struct {
	instance uint32
	here     *tenant
	away     *outlet
}

func openSession(p *process, m *member, f *fiber) *session {
	s := &session{
		sim: p.sim, process: p, fiber: f, member: m, id: m.id,
		places: make([]place, len(shape)), abroad: map[uint32]*peer{},
	}
	s.doc = assign.Document{Nonce: m.doc.Nonce, Tasks: make([]assign.Slot, len(shape))}
	s.lost, s.forsaken = m.doc.Lost, m.doc.Lost
	s.mesh = newMesh(s, m.doc.Nonce)
	return s
}

// after plans f for as long as the session is.
func (s *session) after(d int64, f func()) {
	s.process.after(d, func() {
		if !s.closed {
			f()
		}
	})
}

func (s *session) run() error {
	err := s.loop()
	if err == nil {
		s.settle()
	}
	for len(s.tenants) > 0 {
		s.tenants[0].abandon()
	}
	s.member.leave(s.fiber, s.sim.now+linger)
	s.closed = true
	return err
}

func (s *session) loop() error {
	next := int64(0)
	for {
		s.fiber.wait(s.sim.now + next)
		if s.member.lost != nil {
			if s.handed() {
				return nil
			}
			return errLost
		}
		if s.process.draining && !s.leaving {
			s.leaving, s.deadline = true, s.sim.now+grace
		}
		if next = s.decide(); next == 0 {
			return nil
		}
	}
}

// decide does what is to be done now, and says when to look again; 0 is the end.
func (s *session) decide() (next int64) {
	if s.member.doc.Version != s.doc.Version {
		s.adopt(s.member.doc)
	}
	s.doubt()
	if s.forsaken < s.lost && s.passed(s.lost) {
		// Until now others may have sent to whom they did not know to be lost.
		s.forsaken = s.lost
		s.forsake()
	}
	busy := s.tend()
	if s.flushing() {
		busy = true
		if s.sim.now-s.hastened >= second {
			s.hastened = s.sim.now
			s.hasten()
		}
	}
	s.announce()
	switch {
	case s.leaving && s.sim.now > s.deadline:
		s.sim.cuts++
		return 0
	case busy:
		return glance
	case s.member.doubtful():
		return second / 4
	}
	return max(s.member.renewed+int64(assign.Doubt)-s.sim.now, glance)
}

// adopt makes a new document the one that this worker follows.
func (s *session) adopt(doc assign.Document) {
	var peers []string
	for _, w := range doc.Workers {
		if w != s.id {
			peers = append(peers, w)
		}
	}
	s.mesh.setPeers(peers)
	if doc.Lost > s.lost {
		s.lost = doc.Lost
		s.forsake() // L8
	}
	s.homes(doc)
	for i, slot := range doc.Tasks {
		s.point(i, slot)
	}
	s.doc = doc
	s.remember()
	s.mesh.tell(mark{doc.Version, 0})
	s.pump()
}

// point says where a task is; one of this worker gets its place by itself.
func (s *session) point(task int, slot assign.Slot) {
	a := address(task, slot.Placement)
	to := place{instance: a.Instance}
	if p := s.peer(slot.Worker); p != nil {
		to.away = p.data.outlet(a)
	} else if slot.Worker == s.id && s.tenant(a) != nil {
		return
	}
	s.move(task, to)
}

func (s *session) move(task int, to place) {
	was := s.places[task]
	s.places[task] = to
	if was.away != nil && was.away != to.away {
		was.away.closed = true
	}
	s.pump()
}

// peer is the peer that joined under id, nil if it is none.
func (s *session) peer(id string) *peer {
	if id == "" || id == s.id {
		return nil
	}
	return s.mesh.peer(id)
}

func address(task int, p assign.Placement) frame.Address {
	return frame.Address{Task: uint32(task), Instance: p.Instance}
}

// homes says where the ledgers of all spout instances are.
func (s *session) homes(doc assign.Document) {
	clear(s.abroad)
	for i, slot := range doc.Tasks {
		if !shape[i].Spout {
			continue
		}
		for _, p := range []assign.Placement{slot.Placement, slot.Prev} {
			if peer := s.peer(p.Worker); peer != nil {
				s.abroad[p.Instance] = peer
			}
		}
	}
}

// forsake fails all trees that are open now (L8).
func (s *session) forsake() {
	for _, t := range s.tenants {
		if sp := t.spout; sp != nil && sp.ledger != nil {
			for _, e := range sp.ledger.FailAll(nil) {
				sp.failed(e, tuple.Lost)
			}
		}
	}
}

// home is the spout instance here that a root is of.
func (s *session) home(root tuple.Root) *spoutTask {
	for _, t := range s.tenants {
		if t.spout != nil && t.at.Instance == root.Instance() {
			return t.spout
		}
	}
	return nil
}

// put sends a pair to its ledger.
func (s *session) put(p acker.Pair) {
	if s.sim.trace != nil {
		s.sim.tracef("%s: pair of %v", s.id, p.Root)
	}
	if sp := s.home(p.Root); sp != nil {
		sp.pair(p)
	} else if peer := s.abroad[p.Root.Instance()]; peer != nil {
		peer.acks.pair(p)
	} else if s.unborn(p.Root) {
		s.early = append(s.early, p)
	}
}

// unborn reports whether a root is of a spout instance that another worker learned
// of first: what is said of it waits for the document.
func (s *session) unborn(root tuple.Root) bool { return root.Instance() >= s.doc.Next }

func (s *session) remember() {
	pairs, fails := s.early, s.refused
	s.early, s.refused = nil, nil
	for _, p := range pairs {
		s.put(p)
	}
	for _, f := range fails {
		s.failRoot(f.root, f.kind)
	}
}

// pair is for a ledger of this worker or, if it went on, of another.
func (s *session) pair(p acker.Pair) { s.put(p) }

// failRoot fails a tree wherever its ledger is.
func (s *session) failRoot(root tuple.Root, kind tuple.Kind) {
	if sp := s.home(root); sp != nil {
		sp.fail(root, kind)
	} else if peer := s.abroad[root.Instance()]; peer != nil {
		peer.acks.fail(root, kind)
	} else if s.unborn(root) {
		s.refused = append(s.refused, refusal{root, kind})
	}
}

// fail is for a ledger of this worker.
func (s *session) fail(root tuple.Root, kind tuple.Kind) {
	if sp := s.home(root); sp != nil {
		sp.fail(root, kind)
	}
}

// doubt suspends the spouts while this worker cannot renew its lease, but for when
// all others say the same of theirs: then nobody can place its tasks anew.
func (s *session) doubt() {
	on := false
	if s.member.doubtful() {
		on = !s.shared()
		for _, p := range s.mesh.peers {
			p.say(frame.Ping, 0)
		}
	}
	if on != s.suspended {
		s.sim.tracef("%s suspended: %v", s.id, on)
		s.suspended = on
	}
}

// shared reports whether all others have lately said that they are in doubt, too.
func (s *session) shared() bool {
	for _, p := range s.mesh.peers {
		if s.sim.now-p.doubted >= second {
			return false
		}
	}
	return true
}

func (s *session) announce() {
	// Who leaves is a peer no more as soon as the others may let it go: what it sent
	// last must have been received before.
	applied, quiet := !s.leaving || s.mesh.quiet(), true
	for _, t := range s.tenants {
		slot := s.doc.Tasks[t.at.Task]
		applied = applied && slot.Worker == s.id && slot.Instance == t.at.Instance
		quiet = quiet && t.spout == nil
	}
	if applied {
		s.applied = s.doc.Version
	}
	s.member.say(assign.Status{Applied: s.applied, Leaving: s.leaving, Quiet: s.doc.Drain && quiet})
}

func (s *session) flushing() bool {
	for _, slot := range s.doc.Tasks {
		if (slot.Prev != assign.Placement{}) {
			return true
		}
	}
	return s.doc.Drain || s.leaving
}

// handed reports whether this worker has nothing left to hand over.
func (s *session) handed() bool { return s.leaving && len(s.tenants) == 0 }

// settle waits until all others have received what was sent last.
func (s *session) settle() {
	for deadline := s.sim.now + linger; s.sim.now < deadline && !s.mesh.quiet(); {
		s.fiber.wait(s.sim.now + 5*glance)
	}
}

// passed reports whether all peers have applied the version.
func (s *session) passed(version uint64) bool {
	for _, w := range s.doc.Workers {
		if p := s.peer(w); p != nil && p.marked.version < version {
			return false
		}
	}
	return true
}

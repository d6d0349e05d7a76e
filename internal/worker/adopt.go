package worker

import (
	"maps"
	"time"

	"github.com/waterspout/waterspout/internal/assign"
	"github.com/waterspout/waterspout/internal/engine"
	"github.com/waterspout/waterspout/internal/mesh"
)

// adopt makes a new document the one that this worker follows: who the peers are,
// where data and acks go. What it means for the tasks here is tend's business.
func (s *session) adopt(doc assign.Document) {
	var peers []string
	for _, w := range doc.Workers {
		if w != s.id {
			peers = append(peers, w)
		}
	}
	s.links.SetPeers(peers)
	if doc.Lost > s.lost {
		s.lost, s.lostAt = doc.Lost, time.Now()
	}
	s.homes(doc)
	for i, slot := range doc.Tasks {
		s.site.Point(address(i, slot.Placement), s.peer(slot.Worker))
	}
	maps.DeleteFunc(s.begun, func(at mesh.Address, _ bool) bool {
		return doc.Tasks[at.Task].Instance != at.Instance
	})
	s.doc = doc
	// After the switch: what the mark says is that nothing more comes for
	// what moved (G2).
	s.links.Mark(doc.Version, s.phase)
	s.log.Debug("new assignment", "version", doc.Version, "workers", len(doc.Workers), "drain", doc.Drain, "end", doc.End)
}

// peer is the peer that joined under id, nil if it is none.
func (s *session) peer(id string) *mesh.Peer {
	if id == "" || id == s.id {
		return nil
	}
	return s.links.Peer(id)
}

// hurryLoss is how long the trees of a lost worker wait for peers that have not heard
// of it yet.
const hurryLoss = 500 * time.Millisecond

// forsake fails all open trees once all peers know that a worker was lost: until then
// one of them may still send it tuples of trees that were opened meanwhile (L8). If
// that takes long it does so twice. It reports whether something is left to do.
func (s *session) forsake(now time.Time) bool {
	switch {
	case s.forsaken == s.lost:
		return false
	case s.passed(s.lost, 0):
		s.forsaken = s.lost
		s.site.Forsake()
		return false
	case !s.lostAt.IsZero() && now.Sub(s.lostAt) > hurryLoss:
		s.lostAt = time.Time{}
		s.site.Forsake()
	}
	return true
}

func address(task int, p assign.Placement) mesh.Address {
	return mesh.Address{Task: uint32(task), Instance: p.Instance}
}

// homes says where the ledgers of all spout instances are, those included that are
// on their way out.
func (s *session) homes(doc assign.Document) {
	abroad := map[uint32]*mesh.Peer{}
	for i, slot := range doc.Tasks {
		if !s.shape[i].Spout {
			continue
		}
		for _, p := range []assign.Placement{slot.Placement, slot.Prev} {
			if peer := s.peer(p.Worker); peer != nil {
				abroad[p.Instance] = peer
			}
		}
	}
	s.site.Homes(abroad, doc.Next)
}

// tend begins and ends tasks, and reports whether some are on their way.
func (s *session) tend(now time.Time) (busy bool) {
	stages := s.site.Tenants()
	for at := range s.tasks {
		if _, lives := stages[at]; !lives {
			delete(s.tasks, at)
		}
	}
	for at, stage := range stages {
		busy = s.see(at, stage, now) || busy
	}
	for i := range s.doc.Tasks {
		at := address(i, s.doc.Tasks[i].Placement)
		if !s.doc.Runs(s.id, i, s.shape[i]) || s.begun[at] || !s.begins(at) {
			continue
		}
		s.begun[at] = true
		s.tasks[at] = &tenure{}
		s.site.Begin(at)
	}
	return busy
}

// begins reports whether a task that is to run here may begin now. Bolts begin also on
// a worker that leaves, and at the end while others may wait to send to them.
func (s *session) begins(at mesh.Address) bool {
	if k := s.shape[at.Task]; !k.Spout {
		return k.Component > s.phase || k.Component == s.phase && !s.passed(s.ending, s.phase)
	}
	return !s.leaving && !s.doubt.suspended && !s.doc.Drain && !s.doc.End
}

func (s *session) exhausted(at mesh.Address) bool {
	for _, d := range s.done {
		if d.Task == int(at.Task) && d.Number == at.Instance {
			return true
		}
	}
	return false
}

// see does what a task here needs now, and reports whether it is on its way out.
func (s *session) see(at mesh.Address, stage engine.Stage, now time.Time) bool {
	t := s.tasks[at]
	slot := s.doc.Tasks[at.Task]
	mine := slot.Worker == s.id && slot.Instance == at.Instance
	if s.shape[at.Task].Spout {
		return s.seeSpout(at, t, stage, now, mine)
	}
	if mine {
		return false // until End, which finish looks after
	}
	s.hurry(at, t, now)
	if !t.hung && s.passed(slot.Moved, 0) && s.site.Idle(at) { // G2
		t.hung = true
		s.site.HangUp(at)
	}
	return true
}

func (s *session) seeSpout(at mesh.Address, t *tenure, stage engine.Stage, now time.Time, mine bool) bool {
	goes := !mine || s.leaving || s.doc.Drain
	if goes && !t.stopped && stage < engine.Settled {
		t.stopped = true
		s.site.Stop(at)
	}
	if stage == engine.Settled {
		if !t.stopped && !s.exhausted(at) {
			s.done = append(s.done, assign.Instance{Task: int(at.Task), Number: at.Instance})
		}
		if s.exhausted(at) || s.doc.Drain {
			s.site.Release(at, false)
		} else if !mine {
			s.site.Release(at, true)
		}
	}
	if goes {
		s.hurry(at, t, now)
	}
	return goes || stage >= engine.Settled
}

// hurry cuts a task that has been on its way out for the grace (D3).
func (s *session) hurry(at mesh.Address, t *tenure, now time.Time) {
	if t.until.IsZero() {
		t.until = now.Add(s.worker.config.Grace)
	}
	if now.After(t.until) && !t.cut {
		t.cut = true
		s.log.Warn("a task did not end within the grace; what it had in hand is replayed", "task", at.Task, "instance", at.Instance)
		s.site.Cut(at)
	}
}

// passed reports whether all peers have applied the version, and are that far with
// the end.
func (s *session) passed(version uint64, phase int) bool {
	for _, w := range s.doc.Workers {
		if w == s.id {
			continue
		}
		p := s.peer(w)
		if p == nil {
			continue
		}
		if v, ph := p.Marked(); v < version || ph < phase {
			return false
		}
	}
	return true
}

package worker

import (
	"time"

	"github.com/waterspout/waterspout/internal/assign"
	"github.com/waterspout/waterspout/internal/engine"
)

// leave begins the drain of this worker.
func (s *session) leave() {
	s.leaving = true
	s.deadline = time.Now().Add(s.worker.config.Grace)
	s.log.Info("draining: the tasks of this worker are handed over")
}

// rest is how long to wait for tasks that were told to end.
func (s *session) rest() time.Duration {
	if s.leaving {
		return time.Until(s.deadline)
	}
	return s.worker.config.Grace
}

// finish takes the topology to its end, and reports whether it is on its way there.
// Drain: holders flush, once a second (D2). End: no tree is open any more; bolts
// end one component after the other, each when all that it reads from is over on
// all workers.
func (s *session) finish(now time.Time) bool {
	if s.flushing() && now.Sub(s.hastened) >= time.Second {
		s.hastened = now
		s.site.Hasten()
	}
	if !s.doc.End {
		return s.leaving || s.flushing()
	}
	if s.ending == 0 {
		s.ending = s.doc.Version
	}
	for s.phase < s.components() && s.passed(s.ending, s.phase) && s.closed(s.phase) {
		if s.phase++; s.phase < s.components() { // nobody waits for the last
			s.links.Mark(s.doc.Version, s.phase)
		}
	}
	return true
}

// flushing reports whether some spout of the cluster waits for its last trees.
func (s *session) flushing() bool {
	if s.doc.Drain {
		return true
	}
	for _, slot := range s.doc.Tasks {
		if (slot.Prev != assign.Placement{}) {
			return true
		}
	}
	return s.leaving
}

func (s *session) components() int {
	if len(s.shape) == 0 {
		return 0
	}
	return s.shape[len(s.shape)-1].Component + 1
}

// closed hangs up the tasks here of one component, and reports whether none is left.
func (s *session) closed(component int) bool {
	left := false
	for at := range s.site.Tenants() {
		k := s.shape[at.Task]
		if k.Component != component {
			continue
		}
		left = true
		t := s.tasks[at]
		if t != nil && !k.Spout && !t.hung {
			t.hung = true
			s.site.HangUp(at)
		}
	}
	return !left
}

// over reports whether the topology has ended for this worker.
func (s *session) over() bool { return s.doc.End && s.phase == s.components() }

// handed reports whether this worker has nothing left to hand over.
func (s *session) handed() bool { return s.leaving && len(s.site.Tenants()) == 0 }

// stranded reports whether this worker may leave without a word: the store is away, so
// that nobody takes over or says so, its spouts have ended, and it has nothing in its
// hands. Others may be back in time to be handed what is here; who is alone waits for
// nobody.
func (s *session) stranded(now time.Time) bool {
	if !s.leaving || !s.member.Doubtful() || len(s.doc.Workers) > 1 && now.Before(s.deadline) {
		return false
	}
	for at, stage := range s.site.Tenants() {
		if s.shape[at.Task].Spout && stage < engine.Settled || !s.site.Idle(at) {
			return false
		}
	}
	return true
}

// announce tells the others how far this worker is.
func (s *session) announce() {
	applied, quiet := true, true
	for at := range s.site.Tenants() {
		slot := s.doc.Tasks[at.Task]
		applied = applied && slot.Worker == s.id && slot.Instance == at.Instance
		quiet = quiet && !s.shape[at.Task].Spout
	}
	// Who leaves has to be heard out: once it is no peer any more nobody takes
	// its frames.
	if applied && (!s.leaving || s.links.Quiet()) {
		s.applied = s.doc.Version
	}
	s.member.Report(assign.Status{
		Applied: s.applied, Done: s.done, Leaving: s.leaving, Quiet: s.doc.Drain && quiet,
	})
}

// fail tells the others that the topology failed here, and waits until they can
// know.
func (s *session) fail(err error) {
	s.member.Report(assign.Status{Applied: s.applied, Done: s.done, Failed: err.Error()})
	timer := time.NewTimer(linger)
	defer timer.Stop()
	for s.member.Document().Failed == "" {
		select {
		case <-s.member.Changed():
		case <-s.member.Lost():
			return
		case <-timer.C:
			s.log.Warn("could not tell the other workers that the topology failed; they go on without this one")
			return
		}
	}
}

package simulation

import (
	"slices"

	"github.com/waterspout/waterspout/internal/assign"
	"github.com/waterspout/waterspout/transport"
)

func (m *member) leads() bool { return string(m.view.leader.Value) == m.id }

func (m *member) planSoon(after int64) { m.planAt = min(m.planAt, m.sim.now+after) }

// elect takes the lead if nobody has it, or one who is gone or leaves.
func (m *member) elect() {
	self, known := find(m.all, m.id)
	holder, alive := find(m.all, string(m.view.leader.Value))
	stay := slices.ContainsFunc(m.all, func(m assign.Member) bool { return !m.Leaving })
	now := m.sim.now
	if alive && !(holder.Leaving && stay) || holder.ID == m.id || !known || self.Leaving && stay || now < m.electAt {
		return
	}
	m.electAt = now + retry
	_, _ = m.put(m.fiber, keyLeader, []byte(m.id), at(m.view.leader), now+patience)
}

func find(members []assign.Member, id string) (assign.Member, bool) {
	i := slices.IndexFunc(members, func(m assign.Member) bool { return m.ID == id })
	if i < 0 {
		return assign.Member{}, false
	}
	return members[i], true
}

// at is the revision at which an entry can be replaced.
func at(e transport.Entry) uint64 {
	if e.Value == nil {
		return 0
	}
	return e.Revision
}

// lead plans, if this member leads and something has changed.
func (m *member) lead() {
	now := m.sim.now
	if !m.leads() || now < m.planAt {
		return
	}
	deadline := now + patience
	if m.sweep(deadline) != nil {
		m.planAt = m.sim.now + retry
		return
	}
	doc := m.view.doc
	if !slices.ContainsFunc(m.all, func(a assign.Member) bool { return doc.Names(a.ID) }) {
		if open := m.born + gather; now < open {
			m.planAt = open
			return
		}
		doc = assign.Found(doc, m.sim.rng.Uint64()|1)
	}
	m.planAt = never
	next, changed := assign.Plan(doc, shape, m.all)
	if !changed && next.Leader == m.id {
		return
	}
	if !changed {
		next.Version++
	}
	next.Leader = m.id
	m.publish(next, deadline)
}

// sweep deletes the leases that are lost.
func (m *member) sweep(deadline int64) error {
	for _, id := range m.view.judge.Lost(m.clock()) {
		if _, err := m.put(m.fiber, keyLease+id, nil, m.view.leases[id].revision, deadline); err != nil {
			return err
		}
		m.sim.tracef("%s takes %s for dead", m.id, id)
		m.sim.bury(m, id)
		m.view.forget(id)
	}
	return nil
}

func (m *member) publish(doc assign.Document, deadline int64) {
	if _, err := m.put(m.fiber, keyDocument, doc.Encode(), at(m.view.document), deadline); err != nil {
		m.planAt = m.sim.now + retry
	}
}

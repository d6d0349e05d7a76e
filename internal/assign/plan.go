package assign

import (
	"cmp"
	"slices"
)

// Plan returns the document that follows doc now that members are the workers whose
// leases hold, and whether it differs; if not, it is doc itself. It places every task
// that is not done on a member, spreads the tasks evenly, in total, among the spout
// tasks, and of each component, and moves as few as that takes:
//
//   - members that leave get nothing and lose what they have, as long as others stay;
//   - a task whose worker is gone is placed anew, always as a new instance;
//   - a spout task that moves from a member keeps its former instance as Prev until
//     that member has applied the move or is gone, and does not move again before,
//     unless its worker is gone (A3);
//   - a member that leaves and has nothing any more is one no more, and any other
//     that is gone is lost: the document says since when;
//   - Failed is set when a member says that the topology failed on it, and ends all;
//   - Drain is set while every member leaves, and End when all spout tasks are done
//     or, under Drain, all members quiet. From then on nothing moves, and only a task
//     whose worker is gone is placed anew, on one that has others: these may send to
//     it until they have ended. Who joins a drained cluster waits until its members
//     are gone.
//
// A member that follows another nonce is none. The document's version is raised by
// one; its Leader is left alone.
func Plan(doc Document, shape Shape, members []Member) (Document, bool) {
	p := planner{old: doc, doc: doc, shape: shape}
	p.doc.Version++
	p.doc.Tasks = make([]Slot, len(shape))
	copy(p.doc.Tasks, doc.Tasks)
	p.admit(members)
	p.settle()
	p.end()
	if p.doc.Failed == "" {
		p.place()
	}
	same := doc.Drain == p.doc.Drain && doc.End == p.doc.End && doc.Lost == p.doc.Lost && doc.Failed == p.doc.Failed &&
		slices.Equal(doc.Workers, p.doc.Workers) && slices.Equal(doc.Tasks, p.doc.Tasks)
	if same {
		return doc, false
	}
	return p.doc, true
}

type planner struct {
	old, doc Document
	shape    Shape
	members  []Member // in the order of doc.Workers
}

// admit finds the members that count, in the order of their joining.
func (p *planner) admit(members []Member) {
	closed := p.old.End && p.old.Drain || p.old.Failed != ""
	rank := func(m Member) int { return slices.Index(p.old.Workers, m.ID) }
	for _, m := range members {
		newcomer := rank(m) < 0
		if (m.Nonce == p.old.Nonce && !newcomer) || (m.Nonce == 0 && !(newcomer && closed)) {
			p.members = append(p.members, m)
		}
	}
	slices.SortFunc(p.members, func(a, b Member) int {
		ra, rb := uint(rank(a)), uint(rank(b)) // newcomers, -1, come last
		return cmp.Or(cmp.Compare(ra, rb), cmp.Compare(a.Joined, b.Joined), cmp.Compare(a.ID, b.ID))
	})
	stay := slices.ContainsFunc(p.members, func(m Member) bool { return !m.Leaving })
	clean := map[string]bool{}
	p.members = slices.DeleteFunc(p.members, func(m Member) bool {
		clean[m.ID] = stay && p.handedOver(m)
		return clean[m.ID]
	})
	p.doc.Workers = make([]string, len(p.members))
	for i, m := range p.members {
		p.doc.Workers[i] = m.ID
	}
	for _, id := range p.old.Workers {
		if p.member(id) == nil && !clean[id] {
			p.doc.Lost = p.doc.Version
		}
	}
}

// handedOver reports whether a member that leaves has nothing left, here and in the
// document: it may go, and is not lost.
func (p *planner) handedOver(m Member) bool {
	return m.Leaving && m.Nonce == p.old.Nonce && m.Applied >= p.old.Version &&
		!slices.ContainsFunc(p.old.Tasks, func(s Slot) bool { return s.Worker == m.ID || s.Prev.Worker == m.ID })
}

// member is nil if id is none.
func (p *planner) member(id string) *Member {
	if i := slices.Index(p.doc.Workers, id); i >= 0 {
		return &p.members[i]
	}
	return nil
}

// settle takes over what the members say and what became of those that are gone.
func (p *planner) settle() {
	for i := range p.doc.Tasks {
		s := &p.doc.Tasks[i]
		if p.done(i, s.Placement) || p.done(i, s.Prev) {
			s.Done, s.Prev = true, Placement{}
		}
		if prev := p.member(s.Prev.Worker); prev == nil || prev.Nonce == p.doc.Nonce && prev.Applied >= s.Moved {
			s.Prev = Placement{}
		}
		if p.member(s.Worker) == nil {
			s.Placement = Placement{}
		}
	}
}

func (p *planner) done(task int, at Placement) bool {
	m := p.member(at.Worker)
	return m != nil && p.shape[task].Spout && m.Nonce == p.doc.Nonce && slices.Contains(m.Done, Instance{task, at.Instance})
}

// end says whether the cluster drains or ends. Its end is never taken back.
func (p *planner) end() {
	for _, m := range p.members {
		if m.Failed != "" && p.doc.Failed == "" {
			p.doc.Failed = m.ID + ": " + m.Failed
		}
	}
	if p.doc.End || len(p.members) == 0 {
		return
	}
	p.doc.Drain = !slices.ContainsFunc(p.members, func(m Member) bool { return !m.Leaving })
	quiet := p.doc.Drain && !slices.ContainsFunc(p.members, func(m Member) bool { return !m.Quiet })
	open, spouts := false, false
	for i, k := range p.shape {
		spouts = spouts || k.Spout
		open = open || k.Spout && !p.doc.Tasks[i].Done
	}
	p.doc.End = quiet || spouts && !open
}

// place gives every task that needs it a new place.
func (p *planner) place() {
	leaving := func(m Member) bool { return m.Leaving }
	hosts := slices.DeleteFunc(slices.Clone(p.members), leaving)
	stay := len(hosts) > 0 && !p.doc.End
	if !stay {
		hosts = p.members
	}
	if p.doc.End { // who has nothing ends before it could be of use
		hosts = slices.DeleteFunc(slices.Clone(hosts), func(m Member) bool { return !p.has(m) })
	}
	if len(hosts) == 0 {
		return
	}
	s := newSpread(len(hosts))
	index := func(id string) int { return slices.IndexFunc(hosts, func(m Member) bool { return m.ID == id }) }
	for i, slot := range p.doc.Tasks {
		host := index(slot.Worker)
		switch {
		case slot.Done:
			if stay && host < 0 {
				p.doc.Tasks[i].Placement = Placement{}
			}
		case host < 0 && slot.Prev != Placement{} && slot.Worker != "":
			// On a member that leaves: it moves when its former instance ended.
		default:
			s.add(i, p.shape[i], host, slot.Prev != Placement{} || !stay)
		}
	}
	for _, move := range s.moves() {
		p.move(move.task, hosts[move.host].ID)
	}
}

// has reports whether a task is placed on m.
func (p *planner) has(m Member) bool {
	return slices.ContainsFunc(p.doc.Tasks, func(s Slot) bool { return s.Worker == m.ID })
}

func (p *planner) move(task int, to string) {
	s := &p.doc.Tasks[task]
	if p.shape[task].Spout && s.Worker != "" && s.Prev == (Placement{}) {
		s.Prev = s.Placement
	}
	s.Placement = Placement{to, p.doc.Next}
	s.Moved = p.doc.Version
	p.doc.Next++
}

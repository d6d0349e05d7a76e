package member

import (
	"slices"
	"strings"
	"time"

	"github.com/waterspout/waterspout/internal/assign"
	"github.com/waterspout/waterspout/transport"
)

// A view is the store as its watch has told it.
type view struct {
	id     string
	tasks  int
	synced bool // the beginning was told
	gone   bool // the own lease was deleted

	counter uint64 // of the own lease

	judge    *assign.Leases
	leases   map[string]seen // by id
	leader   transport.Entry
	document transport.Entry
	doc      assign.Document
	bad      error // why document is none; nil also if there is none
}

type seen struct {
	revision uint64
	status   assign.Status
}

func newView(id string, tasks int) view {
	return view{id: id, tasks: tasks, judge: assign.NewLeases(id, assign.TTL), leases: map[string]seen{}}
}

// take takes over an entry of the watch. An error says that it makes no sense.
func (v *view) take(e transport.Entry, now time.Time) error {
	id, isLease := strings.CutPrefix(e.Key, keyLease)
	switch {
	case e.Key == "":
		v.synced = true
	case isLease:
		return v.takeLease(id, e, now)
	case e.Key == keyLeader:
		v.leader = e
	case e.Key == keyDocument:
		v.document, v.doc, v.bad = e, assign.Document{}, nil
		if e.Value != nil {
			v.doc, v.bad = assign.Decode(e.Value, v.tasks)
		}
		return v.bad
	}
	return nil
}

func (v *view) takeLease(id string, e transport.Entry, now time.Time) error {
	if e.Value == nil {
		v.forget(id)
		v.gone = v.gone || id == v.id
		return nil
	}
	lease, err := assign.DecodeLease(e.Value)
	if err != nil {
		// No sign of life (A1), but what a delete must compare with; who is alive writes
		// over it, and who was never heard of is nobody.
		v.leases[id] = seen{e.Revision, v.leases[id].status}
		return err
	}
	v.leases[id] = seen{e.Revision, lease.Status}
	v.judge.Observe(id, lease.Counter, now)
	if id == v.id {
		v.counter = lease.Counter
	}
	return nil
}

func (v *view) forget(id string) {
	delete(v.leases, id)
	v.judge.Gone(id)
}

// members is whose lease holds, sorted by id.
func (v *view) members(now time.Time) []assign.Member {
	alive := v.judge.Alive(now)
	all := make([]assign.Member, len(alive))
	for i, id := range alive {
		all[i] = assign.Member{ID: id, Status: v.leases[id].status}
	}
	return all
}

// at is the revision at which an entry can be replaced.
func at(e transport.Entry) uint64 {
	if e.Value == nil {
		return 0
	}
	return e.Revision
}

func find(members []assign.Member, id string) (assign.Member, bool) {
	i := slices.IndexFunc(members, func(m assign.Member) bool { return m.ID == id })
	if i < 0 {
		return assign.Member{}, false
	}
	return members[i], true
}

func same(a, b []assign.Member) bool {
	return slices.EqualFunc(a, b, func(a, b assign.Member) bool { return a.ID == b.ID && a.Equal(b.Status) })
}

func anyStays(members []assign.Member) bool {
	return slices.ContainsFunc(members, func(m assign.Member) bool { return !m.Leaving })
}

package simulation

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/waterspout/waterspout/internal/assign"
	"github.com/waterspout/waterspout/transport"
)

const (
	keyLease    = "lease."
	keyLeader   = "leader"
	keyDocument = "assignment"

	patience = second
	retry    = 250 * milli
	coalesce = 50 * milli
	gather   = second
)

var (
	errLost = errors.New("the membership is lost")
	errGone = errors.New("the lease was deleted")
)

// A member is what internal/member is: one life of a worker in the cluster, with a
// fiber of its own. Its owner is woken when something changes.
type member struct {
	sim     *simulation
	process *process
	owner   *fiber
	fiber   *fiber
	watch   *watch
	id      string
	born    int64

	named  bool
	lost   error
	doc    assign.Document
	status assign.Status
	hold   assign.Hold
	all    []assign.Member

	mail []transport.Entry
	view view

	counter, revision uint64 // of the lease
	tried             bool
	away              bool
	renewed, renewAt  int64
	written           assign.Status
	state             assign.State
	fresh             bool

	electAt, planAt int64 // planAt never: nothing has changed
}

func newMember(p *process, owner *fiber) *member {
	p.ids++
	s := p.sim
	m := &member{
		sim: s, process: p, owner: owner, id: fmt.Sprintf("%s-%d", p.name, p.ids), born: s.now,
		state: assign.Lost, planAt: never,
	}
	m.view = view{id: m.id, judge: assign.NewLeases(m.id, assign.TTL), leases: map[string]seen{}}
	m.watch = s.store.watch(p, func(e transport.Entry) {
		m.mail = append(m.mail, e)
		m.fiber.wake()
	})
	m.fiber = p.fiber(m.run)
	return m
}

// clock is the process's own: it has nothing in common with that of others.
func (m *member) clock() time.Time {
	return date(m.sim.now + int64(len(m.process.name))*1000*second)
}

func (m *member) run(f *fiber) {
	for {
		m.hear()
		if err := m.step(); err != nil {
			m.sim.tracef("%s is no member any more: %v", m.id, err)
			m.lost = err
			m.owner.wake()
			return
		}
		f.wait(m.next())
	}
}

func (m *member) hear() {
	for _, e := range m.mail {
		m.view.take(e, m.clock())
		if e.Key == keyDocument {
			m.fresh = true
		}
		if e.Key == keyLeader {
			m.electAt = 0
		}
		if e.Key == keyDocument || e.Key == keyLeader {
			m.planSoon(0)
		}
	}
	m.mail = m.mail[:0]
}

func (m *member) step() error {
	if err := m.renew(); err != nil {
		return err
	}
	if members := m.view.members(m.clock()); !same(members, m.all) {
		m.all = members
		m.planSoon(coalesce)
	}
	if state := m.hold.State(m.clock()); (state == assign.Held) != (m.state == assign.Held) {
		m.state = state
		m.owner.wake()
	} else {
		m.state = state
	}
	if err := m.adopt(); err != nil {
		return err
	}
	if m.view.synced && m.state == assign.Held {
		m.elect()
		m.lead()
	}
	return nil
}

// adopt takes over the newest document.
func (m *member) adopt() error {
	if m.view.gone {
		return errGone
	}
	if !m.fresh || m.state == assign.Lost {
		return nil
	}
	m.fresh = false
	doc := m.view.doc
	switch {
	case !doc.Names(m.id) && !m.named:
	case doc.Nonce == 0:
		return fmt.Errorf("%w: the assignment was deleted", errLost)
	case m.named && (doc.Nonce != m.doc.Nonce || doc.Version < m.doc.Version): // G3
		return fmt.Errorf("%w: the cluster began anew", errLost)
	case !doc.Names(m.id):
		return fmt.Errorf("%w: the others took it for dead", errLost)
	case doc.Version > m.doc.Version:
		if !m.named {
			m.fiber.wake() // the lease says so
		}
		m.doc, m.named = doc, true
		m.owner.wake()
	}
	return nil
}

// say replaces what the lease says.
func (m *member) say(s assign.Status) {
	m.status = s
	m.fiber.wake()
}

func (m *member) doubtful() bool { return m.hold.State(m.clock()) != assign.Held }

func (m *member) next() int64 {
	next, now := m.renewAt, m.clock()
	sooner := func(t time.Time, ok bool) {
		if ok {
			next = min(next, m.sim.now+int64(t.Sub(now)))
		}
	}
	sooner(m.view.judge.Next(now))
	if m.planAt != never && m.view.synced && m.leads() && m.state == assign.Held {
		next = min(next, m.planAt)
	}
	return max(next, m.sim.now+milli/10)
}

// end ends the membership as a crash would.
func (m *member) end() {
	m.watch.close()
	m.fiber.kill()
}

// renew renews the lease if it is time, or if there is something new to say.
func (m *member) renew() error {
	now, status := m.sim.now, m.said()
	if now < m.renewAt && (m.away || status.Equal(m.written)) {
		return nil
	}
	sent := m.clock()
	switch err := m.write(status, now+patience); {
	case errors.Is(err, errGone):
		return err
	case err != nil:
		m.away, m.renewAt = true, m.sim.now+retry
	default:
		m.away, m.written, m.renewAt = false, status, now+int64(assign.Renewal)
		m.hold.Renewed(sent)
		m.renewed = now
	}
	return nil
}

func (m *member) said() assign.Status {
	s := m.status
	s.Nonce, s.Joined, s.Host = m.doc.Nonce, m.born, m.process.name
	return s
}

func (m *member) write(status assign.Status, deadline int64) error {
	m.counter++
	m.tried = true
	value := assign.Lease{Counter: m.counter, Status: status}.Encode()
	revision, err := m.put(m.fiber, keyLease+m.id, value, m.revision, deadline)
	if errors.Is(err, transport.ErrConflict) {
		if err = m.find(m.fiber, deadline); err != nil {
			return err
		}
		revision, err = m.put(m.fiber, keyLease+m.id, value, m.revision, deadline)
	}
	if err == nil {
		m.revision = revision
	}
	return err
}

func (m *member) put(f *fiber, key string, value []byte, at uint64, deadline int64) (revision uint64, err error) {
	st := m.sim.store
	err = st.call(f, deadline, func() (err error) {
		revision, err = st.put(key, value, at)
		return err
	})
	return revision, err
}

func (m *member) find(f *fiber, deadline int64) error {
	var e transport.Entry
	err := m.sim.store.call(f, deadline, func() error {
		e = m.sim.store.get(keyLease + m.id)
		return nil
	})
	if err == nil && e.Value == nil {
		return errGone
	}
	if err == nil {
		m.revision = e.Revision
	}
	return err
}

// leave ends the membership and deletes the lease, in the fiber given.
func (m *member) leave(f *fiber, deadline int64) {
	m.end()
	if !m.tried {
		return
	}
	err := transport.ErrConflict
	if m.revision != 0 {
		_, err = m.put(f, keyLease+m.id, nil, m.revision, deadline)
	}
	if errors.Is(err, transport.ErrConflict) && m.find(f, deadline) == nil {
		_, _ = m.put(f, keyLease+m.id, nil, m.revision, deadline)
	}
}

// A view is the store as the watch has told it.
type view struct {
	id           string
	synced, gone bool
	judge        *assign.Leases
	leases       map[string]seen
	leader       transport.Entry
	document     transport.Entry
	doc          assign.Document
}

type seen struct {
	revision uint64
	status   assign.Status
}

func (v *view) take(e transport.Entry, now time.Time) {
	id, isLease := strings.CutPrefix(e.Key, keyLease)
	switch {
	case e.Key == "":
		v.synced = true
	case isLease && e.Value == nil:
		v.forget(id)
		v.gone = v.gone || id == v.id
	case isLease:
		lease, err := assign.DecodeLease(e.Value)
		must(err)
		v.leases[id] = seen{e.Revision, lease.Status}
		v.judge.Observe(id, lease.Counter, now)
	case e.Key == keyLeader:
		v.leader = e
	case e.Key == keyDocument:
		v.document, v.doc = e, assign.Document{}
		if e.Value != nil {
			doc, err := assign.Decode(e.Value, len(shape))
			must(err)
			v.doc = doc
		}
	}
}

func (v *view) forget(id string) {
	delete(v.leases, id)
	v.judge.Gone(id)
}

func (v *view) members(now time.Time) []assign.Member {
	alive := v.judge.Alive(now)
	all := make([]assign.Member, len(alive))
	for i, id := range alive {
		all[i] = assign.Member{ID: id, Status: v.leases[id].status}
	}
	return all
}

func same(a, b []assign.Member) bool {
	return slices.EqualFunc(a, b, func(a, b assign.Member) bool { return a.ID == b.ID && a.Equal(b.Status) })
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

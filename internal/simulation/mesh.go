package simulation

import (
	"slices"
	"strings"

	"github.com/waterspout/waterspout/acker"
	"github.com/waterspout/waterspout/internal/frame"
	"github.com/waterspout/waterspout/internal/link"
	"github.com/waterspout/waterspout/tuple"
)

// Sizes that make credit scarce.
const (
	capacity  = 1500 // bytes that a task instance queues
	minWindow = 300  // of one sender
)

// A mesh is what internal/mesh is: all links of one session.
type mesh struct {
	session  *session
	nonce    uint64
	peers    []*peer // sorted by name
	attempts uint64  // of all links
	accepted []frame.Address
	mark     mark
	window   uint64
	loss     link.Loss
	due      int64 // of the next look at the links
}

// A mark says how far a worker is.
type mark struct {
	version uint64
	phase   int
}

func (m mark) less(n mark) bool {
	return m.version < n.version || m.version == n.version && m.phase < n.phase
}

func newMesh(s *session, nonce uint64) *mesh {
	return &mesh{session: s, nonce: nonce, due: never}
}

func (m *mesh) now() int64 { return m.session.sim.now + 1 }

func (m *mesh) peer(name string) *peer {
	for _, p := range m.peers {
		if p.name == name {
			return p
		}
	}
	return nil
}

// setPeers makes these the peers; what was sent to others and not released is lost.
func (m *mesh) setPeers(names []string) {
	m.window = max(capacity/uint64(max(len(names), 1)), minWindow)
	old := m.peers
	m.peers = nil
	for _, name := range names {
		i := slices.IndexFunc(old, func(p *peer) bool { return p.name == name })
		if i >= 0 {
			m.peers = append(m.peers, old[i])
			old[i].in[frame.DataLink].urgent()
		} else {
			m.peers = append(m.peers, newPeer(m, name))
		}
	}
	slices.SortFunc(m.peers, func(a, b *peer) int { return strings.Compare(a.name, b.name) })
	for _, p := range m.peers {
		if !slices.Contains(old, p) {
			p.begin()
		}
	}
	for _, p := range old {
		if !slices.Contains(m.peers, p) {
			p.end()
		}
	}
	m.report()
}

func (m *mesh) accept(a frame.Address) {
	m.accepted = append(m.accepted, a)
	for _, p := range m.peers {
		p.in[frame.DataLink].accept(a)
	}
}

func (m *mesh) refuse(a frame.Address) {
	m.accepted = slices.DeleteFunc(m.accepted, func(b frame.Address) bool { return a == b })
	for _, p := range m.peers {
		p.in[frame.DataLink].refuse(a)
	}
}

// tell marks every peer behind all that was sent before (G2).
func (m *mesh) tell(next mark) {
	if m.mark.less(next) {
		m.mark = next
		for _, p := range m.peers {
			p.data.sendMark()
		}
	}
}

// report fails the trees of what was lost (K4).
func (m *mesh) report() {
	if len(m.loss.Roots) > 0 {
		roots := slices.Clone(m.loss.Roots)
		m.loss.Reset()
		for _, root := range roots {
			m.session.failRoot(root, tuple.Lost)
		}
		return
	}
	m.loss.Reset()
}

// look has the links looked at, at that time or before.
func (m *mesh) look(at int64) {
	if at >= m.due {
		return
	}
	m.due = at
	m.session.after(at-m.now(), func() {
		if m.due == at {
			m.due = never
			m.tick()
		}
	})
}

func (m *mesh) tick() {
	now := m.now()
	for _, p := range m.peers {
		for l := range p.in {
			for _, t := range []int64{p.outbound(frame.Link(l)).tick(now), p.in[l].tick(now)} {
				if t != 0 {
					m.look(t)
				}
			}
		}
		m.report()
	}
}

// quiet reports whether everything sent was received or is known to be lost.
func (m *mesh) quiet() bool {
	return !slices.ContainsFunc(m.peers, func(p *peer) bool { return !p.data.quiet() || !p.acks.quiet() })
}

// pairs are for ledgers of this worker.
func (m *mesh) pairs(ps []acker.Pair) {
	for _, p := range ps {
		m.session.pair(p)
	}
}

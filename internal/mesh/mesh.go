package mesh

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waterspout/waterspout/acker"
	"github.com/waterspout/waterspout/internal/frame"
	"github.com/waterspout/waterspout/internal/link"
	"github.com/waterspout/waterspout/transport"
	"github.com/waterspout/waterspout/tuple"
)

// An Address is one instance of one task.
type Address = frame.Address

// A Config says what a Mesh is made of. All of it must be set.
type Config struct {
	Conn  transport.Conn
	Nonce uint64 // of the cluster: frames of another are dropped (G3)
	Self  string // member id, at most 255 bytes
	Log   *slog.Logger
	To    Handler
}

// A Handler is what arrives. Its methods are called from the mesh's goroutines,
// Lost also from those that call SetPeers; never with a lock held. They must not
// block, and not call Close. Calls for one lane of one peer come in order.
type Handler interface {
	// Tuples hands a section over. False says that the instance is not here
	// any more: then p is not kept, and its roots go to Lost (G1).
	Tuples(to Address, inlet int, p Parcel) bool
	// Pairs are for ledgers of this worker. ps is not kept.
	Pairs(ps []acker.Pair)
	// Fail is for a ledger of this worker.
	Fail(root tuple.Root, why tuple.Failure)
	// Lost is called with the roots of tuples or pairs that this worker sent or
	// received and that are lost: they are to be failed wherever their ledger
	// is. It may call Peer.Fail. roots, which may repeat, is not kept.
	Lost(roots []tuple.Root)
	// Marked says that some peer's mark moved on.
	Marked()
}

// A Mesh is all links of one worker. Its methods may be called from any
// goroutine.
type Mesh struct {
	config Config
	ctx    context.Context
	cancel context.CancelFunc
	group  sync.WaitGroup
	start  time.Time
	clock  clock
	counts counts
	told   told

	attempts atomic.Uint64 // of all links: a peer that left and came back sees greater ones
	window   atomic.Uint64 // of one sender (C4)
	doubt    atomic.Uint64 // 1: this worker doubts its lease
	peers    atomic.Pointer[map[string]*Peer]

	mu       sync.Mutex // guards all below, and changes of peers; taken before the locks of a peer
	accepted map[Address]bool
	mark     mark
	closed   bool

	settling sync.Mutex // taken before the locks of a peer
	settled  sync.Cond
	waiting  atomic.Int32 // in Settle
	inHand   atomic.Int32 // goroutines that may have losses to tell
}

// A mark is what Mark was given.
type mark struct {
	revision uint64
	phase    int
}

func (m mark) less(n mark) bool {
	return m.revision < n.revision || m.revision == n.revision && m.phase < n.phase
}

// Open starts a mesh without peers.
func Open(c Config) *Mesh {
	m := &Mesh{config: c, start: time.Now(), accepted: map[Address]bool{}}
	m.clock.wake = make(chan struct{}, 1)
	m.ctx, m.cancel = context.WithCancel(context.Background())
	m.settled.L = &m.settling
	m.peers.Store(&map[string]*Peer{})
	for lane := range transport.Lanes {
		m.group.Go(func() { newReceiver(m, lane).run() })
	}
	m.group.Go(m.watch)
	return m
}

// now is in nanoseconds since a little before Open, and monotonic.
func (m *Mesh) now() int64 { return int64(time.Since(m.start)) + 1 }

func (m *Mesh) all() map[string]*Peer { return *m.peers.Load() }

// Peer is the peer of that name, nil if there is none.
func (m *Mesh) Peer(name string) *Peer { return m.all()[name] }

// SetPeers makes these, without self, the peers. One that left is given up: the
// roots of all that was sent to it and not released go to Lost, and blocked
// senders return false.
func (m *Mesh) SetPeers(names []string) {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return
	}
	old, peers := m.all(), make(map[string]*Peer, len(names))
	m.window.Store(link.Window(len(names))) // before anybody reports
	for _, name := range names {
		if p := old[name]; p != nil {
			peers[name] = p
			p.in[frame.DataLink].reportSoon()
		} else if peers[name] == nil {
			peers[name] = m.newPeerLocked(name)
		}
	}
	m.peers.Store(&peers)
	for name, p := range peers {
		if old[name] == nil {
			p.begin()
		}
	}
	m.mu.Unlock()
	var loss link.Loss
	for name, p := range old {
		if peers[name] == nil {
			p.end(&loss)
		}
	}
	m.lost(&loss)
	m.released()
}

// Accept says that this worker runs that instance: all peers, also later ones,
// get credit for it.
func (m *Mesh) Accept(a Address) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.accepted[a] = true
	for _, p := range m.all() {
		p.in[frame.DataLink].accept(a)
	}
}

// Refuse says that this worker no longer does, nor ever will again. What still arrives
// for it is lost.
func (m *Mesh) Refuse(a Address) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.accepted, a)
	for _, p := range m.all() {
		p.in[frame.DataLink].refuse(a)
	}
}

// Mark tells every peer, also later ones, how far this worker is, behind every
// section that Send took before. It reaches them even if frames are lost; of
// several marks the last may do so alone. One that is not greater than the last,
// by revision and then phase, is ignored.
func (m *Mesh) Mark(revision uint64, phase int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if next := (mark{revision, phase}); m.mark.less(next) {
		m.mark = next
		for _, p := range m.all() {
			p.data.sendMark(next)
		}
	}
}

// Doubt says whether this worker doubts its lease, for answers to Ping.
func (m *Mesh) Doubt(on bool) {
	if on {
		m.doubt.Store(1)
	} else {
		m.doubt.Store(0)
	}
}

// Quiet reports whether everything that was sent has been received, or is known to
// be lost.
func (m *Mesh) Quiet() bool { return m.quiet(nil) }

// Settle waits until everything that was sent to the present peers has been
// received, or is known to be lost, and they were told of what was received from
// them: then a worker may go and leaves nobody in doubt. With senders that never
// pause it may wait until ctx ends.
func (m *Mesh) Settle(ctx context.Context) error {
	defer context.AfterFunc(ctx, m.wakeSettling)()
	m.waiting.Add(1)
	defer m.waiting.Add(-1)
	owed := map[*inbound]uint64{}
	for _, p := range m.all() {
		for l := range p.in {
			owed[&p.in[l]] = p.in[l].owed()
		}
	}
	m.settling.Lock()
	defer m.settling.Unlock()
	for !m.quiet(owed) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if m.ctx.Err() != nil {
			return transport.ErrClosed
		}
		m.settled.Wait()
	}
	return nil
}

func (m *Mesh) quiet(owed map[*inbound]uint64) bool {
	peers := m.all()
	for _, p := range peers {
		if !p.data.quiet() {
			return false
		}
		for l := range p.in {
			if in := &p.in[l]; !in.hasSaid(owed[in]) { // 0 of a peer that came since
				return false
			}
		}
	}
	// The acks come last: what is lost becomes failures, which go with them. Until the
	// handler has heard of it, it is in no queue.
	if m.inHand.Load() > 0 {
		return false
	}
	for _, p := range peers {
		if !p.acks.quiet() {
			return false
		}
	}
	return true
}

// released tells those in Settle to look again.
func (m *Mesh) released() {
	if m.waiting.Load() > 0 {
		m.wakeSettling()
	}
}

func (m *Mesh) wakeSettling() {
	m.settling.Lock()
	defer m.settling.Unlock()
	m.settled.Broadcast()
}

// lost tells the handler, and empties loss.
func (m *Mesh) lost(loss *link.Loss) {
	m.counts.lost.Add(uint64(loss.Frames))
	if len(loss.Roots) > 0 {
		m.config.To.Lost(loss.Roots)
	}
	loss.Reset()
}

// Close ends all goroutines and waits for them; blocked Sends return false. What
// was not sent yet is not sent, and nobody is told. It does not close the Conn. It
// may be called twice.
func (m *Mesh) Close() {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.cancel()
	var loss link.Loss
	for _, p := range m.all() {
		p.end(&loss)
	}
	m.wakeSettling()
	m.group.Wait()
}

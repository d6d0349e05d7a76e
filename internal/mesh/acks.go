package mesh

import (
	"github.com/waterspout/waterspout/acker"
	"github.com/waterspout/waterspout/internal/frame"
	"github.com/waterspout/waterspout/internal/link"
	"github.com/waterspout/waterspout/transport"
	"github.com/waterspout/waterspout/tuple"
)

// An ackOut is what is sent to a peer's ledgers: numbered and kept as data is, but
// without credit (K3).
type ackOut struct {
	half

	// guarded by the half's lock
	pairs []acker.Pair
	fails []frame.Fail
	roots []tuple.Root // of one frame

	// of the goroutine that sends
	sentPairs []acker.Pair
	sentFails []frame.Fail
	sequences []uint64
	buf       []byte
}

// How much goes into one frame.
const (
	pairsPerFrame = frame.Target / frame.PairSize
	failsPerFrame = frame.Target / frame.FailSize
)

func (a *ackOut) init(p *Peer) {
	a.peer, a.link, a.lane = p, frame.AckLink, transport.Control
	a.queue, a.todo = a, &p.say
}

func (a *ackOut) pair(ps []acker.Pair) {
	a.mu.Lock()
	if !a.ended {
		a.pairs = append(a.pairs, ps...)
	}
	a.mu.Unlock()
	a.todo.set(work)
}

func (a *ackOut) fail(root tuple.Root, why tuple.Failure) {
	a.mu.Lock()
	if !a.ended {
		a.fails = append(a.fails, frame.Fail{Root: root, Why: why})
	}
	a.mu.Unlock()
	a.todo.set(work)
}

// lostLocked fails the trees of lost pairs and failures, at the same peer. So the
// roots are told, and go no further.
func (a *ackOut) lostLocked(loss *link.Loss) {
	for _, root := range loss.Roots {
		a.fails = append(a.fails, frame.Fail{Root: root, Why: tuple.Failure{
			Kind: tuple.Lost, Text: "an ack was lost on its way from " + a.peer.mesh.config.Self,
		}})
	}
	loss.Roots = loss.Roots[:0]
}

func (a *ackOut) renewedLocked(loss *link.Loss) { a.lostLocked(loss) }

func (a *ackOut) dropLocked(loss *link.Loss) {
	for _, p := range a.pairs {
		loss.Roots = append(loss.Roots, p.Root)
	}
	for i := range a.fails {
		loss.Roots = append(loss.Roots, a.fails[i].Root)
	}
	a.pairs, a.fails = nil, nil
}

func (a *ackOut) blockedLocked() bool { return false }

func (a *ackOut) emptyLocked() bool { return len(a.pairs) == 0 && len(a.fails) == 0 }

func (a *ackOut) report(hd frame.Header, lost []frame.Range, loss *link.Loss) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.reportedLocked(hd, lost, loss)
}

// flush sends what is queued, pairs and failures each in frames of their own.
func (a *ackOut) flush() {
	now := a.peer.mesh.now()
	clear(a.sentFails)
	a.mu.Lock()
	if a.sender.Epoch() == 0 || a.ended || a.emptyLocked() {
		a.mu.Unlock()
		return
	}
	a.sentPairs, a.pairs = a.pairs, reuse(a.sentPairs)
	a.sentFails, a.fails = a.fails, reuse(a.sentFails)
	a.sequences = a.sequences[:0]
	a.eachFrame(func(pairs []acker.Pair, fails []frame.Fail) { a.sequenceLocked(now, pairs, fails) })
	hd := a.headLocked(frame.Acks)
	a.mu.Unlock()
	a.peer.mesh.clock.at(now + link.BeatEvery)
	i := 0
	a.eachFrame(func(pairs []acker.Pair, fails []frame.Fail) {
		hd.Sequence = a.sequences[i]
		i++
		a.buf = frame.AppendAcks(frame.Begin(a.buf[:0], a.peer.mesh.config.Self), pairs, fails)
		a.transmit(a.buf, hd)
	})
}

// reuse is s without values, unless it is so large that its memory should go.
func reuse[T any](s []T) []T {
	const most = 1 << 16
	if cap(s) > most {
		return nil
	}
	return s[:0]
}

// eachFrame cuts what is sent into frames.
func (a *ackOut) eachFrame(f func(pairs []acker.Pair, fails []frame.Fail)) {
	for pairs := a.sentPairs; len(pairs) > 0; {
		n := min(len(pairs), pairsPerFrame)
		f(pairs[:n], nil)
		pairs = pairs[n:]
	}
	for fails := a.sentFails; len(fails) > 0; {
		n := min(len(fails), failsPerFrame)
		f(nil, fails[:n])
		fails = fails[n:]
	}
}

func (a *ackOut) sequenceLocked(now int64, pairs []acker.Pair, fails []frame.Fail) {
	a.roots = a.roots[:0]
	for _, p := range pairs {
		a.roots = append(a.roots, p.Root)
	}
	for i := range fails {
		a.roots = append(a.roots, fails[i].Root)
	}
	a.sequences = append(a.sequences, a.sender.Next(now, link.Content{Roots: a.roots}))
}

// Package pace rations replays against live emits (rule O2 of docs/protocol.md).
//
// A source whose records time out emits them again, which makes the queue that
// made them late longer still. The invariant of a [Pacer]: among any number of live
// emits there are at most a tenth as many replays, and a few more, unless the source
// is idle; then replays go as they come.
//
//	p.Live()                           // after each live emit
//	if wait := p.Replay(now); wait > 0 // a replay is due: not yet, ask again then
//
// A Pacer has no clock, lock or goroutine of its own. Replaying spouts own it.
package pace

import "time"

const (
	share = 10                    // live emits per replay
	burst = 10                    // replays that may run ahead
	grace = 10 * time.Millisecond // without a live emit, to be called idle
)

// A Pacer counts live emits and replays. The zero Pacer allows a burst of replays at
// once. It is not safe for concurrent use.
type Pacer struct {
	debt    int    // live emits that the replays so far still ask for
	blocked int    // live emits that have begun and not ended
	live    uint64 // live emits so far

	seen  uint64    // live when last asked,
	since time.Time // and when it was found to be that
}

// Begin says that a live emit begins, which may block. As long as it has not ended
// with Live or Cancel, the source is not idle. A caller whose emits do not block
// needs no Begin.
func (p *Pacer) Begin() { p.blocked++ }

// Live says that a live emit was made, with or without a Begin.
func (p *Pacer) Live() {
	p.live++
	p.debt = max(p.debt-1, 0)
	p.Cancel()
}

// Cancel takes a Begin back whose value was not emitted.
func (p *Pacer) Cancel() { p.blocked = max(p.blocked-1, 0) }

// Ready reports whether a replay may go whatever the source does.
func (p *Pacer) Ready() bool { return p.debt+share <= share*burst }

// Replay asks for one replay at now. Zero allows it, and counts it. Otherwise it is
// to be asked again after the time returned, or as soon as a live emit makes the
// Pacer Ready.
func (p *Pacer) Replay(now time.Time) time.Duration {
	if p.Ready() {
		p.debt += share
		return 0
	}
	if p.blocked > 0 || p.live != p.seen || p.since.IsZero() {
		p.seen, p.since = p.live, now
		return grace
	}
	return max(grace-now.Sub(p.since), 0)
}

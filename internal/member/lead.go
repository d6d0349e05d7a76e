package member

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/waterspout/waterspout/internal/assign"
	"github.com/waterspout/waterspout/transport"
)

// How a leader takes its time.
const (
	coalesce = 50 * time.Millisecond // from a change to the plan: others may follow
	gather   = time.Second           // from its own beginning to the founding of a cluster
)

// leads reports whether this member leads.
func (l *loop) leads() bool { return string(l.view.leader.Value) == l.m.id }

func (l *loop) planSoon(after time.Duration) {
	if at := time.Now().Add(after); l.planAt.IsZero() || at.Before(l.planAt) {
		l.planAt = at
	}
}

// elect takes the lead if nobody has it, or one who is gone, or who leaves while
// others stay. Of several who try the store lets one.
func (l *loop) elect(now time.Time) {
	members := l.m.Members()
	self, known := find(members, l.m.id)
	holder, alive := find(members, string(l.view.leader.Value))
	stay := anyStays(members)
	if alive && !(holder.Leaving && stay) || holder.ID == l.m.id || !known || self.Leaving && stay || now.Before(l.electAt) {
		return
	}
	l.electAt = now.Add(retry)
	ctx, cancel := context.WithTimeout(l.ctx, patience)
	defer cancel()
	_, err := l.m.config.Store.Put(ctx, keyLeader, []byte(l.m.id), at(l.view.leader))
	l.note(err)
}

// resign gives up the lead if this member cannot use it and the others see it alive: its
// renewals succeed and do not come back by the watch, or they have failed for a whole TTL
// and do come back (A5).
func (l *loop) resign(now time.Time) {
	unanswered := l.state == assign.Lost && l.view.judge.Hears(now)
	if !l.leads() || !l.echo.Deaf() && !unanswered {
		return
	}
	err := briefly(l.ctx, func(ctx context.Context) error {
		return l.m.config.Store.Delete(ctx, keyLeader, l.view.leader.Revision)
	})
	if err == nil || errors.Is(err, transport.ErrConflict) {
		l.view.leader = transport.Entry{} // or another's, which the watch tells
	}
	l.note(err)
}

// note hears the error of a call that tries again by itself.
func (l *loop) note(err error) {
	if err != nil && !errors.Is(err, transport.ErrConflict) && l.ctx.Err() == nil {
		l.failed(err)
	}
}

// lead plans, if this member leads and something has changed. A leader that another
// has replaced finds the other's name, or the document at another revision.
func (l *loop) lead(now time.Time) {
	if !l.leads() || l.planAt.IsZero() || now.Before(l.planAt) {
		return
	}
	ctx, cancel := context.WithTimeout(l.ctx, patience)
	defer cancel()
	members, err := l.sweep(ctx, now)
	if err != nil {
		l.note(err)
		l.planAt = time.Now().Add(retry)
		return
	}
	doc := l.view.doc
	if l.founds(members) {
		if open := l.m.born.Add(gather); now.Before(open) {
			l.planAt = open
			return
		}
		doc = assign.Found(doc, nonce())
	}
	l.planAt = time.Time{}
	if len(members) > len(l.m.Members()) {
		l.planSoon(retry)
	}
	next, changed := assign.Plan(doc, l.m.config.Shape, members)
	if !changed && next.Leader == l.m.id {
		return
	}
	if !changed {
		next.Version++
	}
	next.Leader = l.m.id
	l.write(ctx, next)
}

// sweep deletes the leases that are lost, so that who wakes up finds his gone (A4). It
// returns the members, among them still those whose lease was written meanwhile: what
// the watch has not told, or what cannot be read, must not stop what concerns the others.
func (l *loop) sweep(ctx context.Context, now time.Time) ([]assign.Member, error) {
	members := l.m.Members()
	for _, id := range l.view.judge.Lost(now) {
		seen := l.view.leases[id]
		err := l.m.config.Store.Delete(ctx, keyLease+id, seen.revision)
		switch {
		case errors.Is(err, transport.ErrConflict):
			members = append(slices.Clip(members), assign.Member{ID: id, Status: seen.status})
			continue
		case err != nil:
			return nil, err
		}
		l.m.config.Log.Warn("a worker is lost: its tasks are placed anew", "worker", id)
		l.view.forget(id)
	}
	return members, nil
}

// founds reports whether nobody is left of whom the document speaks.
func (l *loop) founds(members []assign.Member) bool {
	return !slices.ContainsFunc(members, func(m assign.Member) bool { return l.view.doc.Names(m.ID) })
}

// write replaces the document that was planned from (A5).
func (l *loop) write(ctx context.Context, doc assign.Document) {
	_, err := l.m.config.Store.Put(ctx, keyDocument, doc.Encode(), at(l.view.document))
	if err != nil {
		l.note(err)
		l.planAt = time.Now().Add(retry) // on what the watch has told by then
	}
}

// nonce is a number that no cluster had.
func nonce() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails
	return max(binary.LittleEndian.Uint64(b[:]), 1)
}

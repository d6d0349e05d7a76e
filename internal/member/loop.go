package member

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/waterspout/waterspout/internal/assign"
	"github.com/waterspout/waterspout/transport"
)

// A loop is the goroutine of a member and what it alone touches.
type loop struct {
	ctx     context.Context
	m       *Member
	watch   <-chan transport.Entry
	unwatch context.CancelFunc
	view    view
	anew    *view // what a watch that was opened anew has told of its beginning, or nil
	echo    assign.Echo
	deaf    bool // the log knows it
	health  health

	renewAt time.Time       // when the lease is to be renewed
	written assign.Status   // what it says
	state   assign.State    // what was made known of it
	fresh   bool            // there is a document that was not looked at
	told    map[string]bool // of which keys the log knows that they make no sense

	electAt time.Time // no further attempt to replace the same leader before
	planAt  time.Time // when to plan; zero: nothing has changed
}

func newLoop(ctx context.Context, m *Member) *loop {
	return &loop{ctx: ctx, m: m, view: newView(m.id, len(m.config.Shape)), state: assign.Lost, told: map[string]bool{}}
}

func (l *loop) run() {
	defer close(l.m.done)
	defer l.m.cancel()
	err := l.open()
	if err == nil {
		err = l.serve()
	}
	if err != nil && l.ctx.Err() == nil {
		level := slog.LevelWarn
		if l.written.Leaving {
			level = slog.LevelInfo // when all is handed over, the others forget it
		}
		l.m.config.Log.Log(l.ctx, level, "this worker is no member any more", "worker", l.m.id, "reason", err)
		l.m.reason = err
		close(l.m.lost)
	}
}

func (l *loop) serve() error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		open := true
		select {
		case <-l.ctx.Done():
			return l.ctx.Err()
		case e, ok := <-l.watch:
			open = l.hear(e, ok)
		case <-l.m.kick:
			open = l.catchUp()
		case <-timer.C:
			open = l.catchUp()
		}
		if !open {
			return transport.ErrClosed
		}
		if err := l.step(); err != nil {
			return err
		}
		timer.Reset(time.Until(l.next()))
	}
}

// step does what is to be done now.
func (l *loop) step() error {
	if err := l.renew(time.Now()); err != nil {
		return err
	}
	l.listen()
	now := time.Now()
	if members := l.view.members(now); !same(members, l.m.Members()) {
		l.m.mu.Lock()
		l.m.members = members
		l.m.mu.Unlock()
		l.planSoon(coalesce)
	}
	l.judge(now)
	if err := l.adopt(); err != nil {
		return err
	}
	if l.unseen() {
		l.m.cancel()
		return l.ctx.Err()
	}
	l.resign(now)
	if l.able() {
		l.elect(now)
		l.lead(now)
	}
	return nil
}

// able reports whether this member may lead: else it may see too little.
func (l *loop) able() bool {
	return l.view.synced && l.state == assign.Held && !l.echo.Deaf()
}

// unseen reports whether this member departs, and nobody leads who could name it. If it
// leads itself, the document of who led before may be on its way, or its own: then others
// that stay take over the lead, and let it leave as one of them.
func (l *loop) unseen() bool {
	departs := l.m.status().Leaving && l.m.Document().Nonce == 0
	others := slices.ContainsFunc(l.m.Members(), func(m assign.Member) bool { return m.ID != l.m.id && !m.Leaving })
	return departs && l.view.synced && (l.view.leader.Value == nil || l.leads() && !others)
}

// judge makes known what has become of the own lease.
func (l *loop) judge(now time.Time) {
	state := l.m.hold.State(now)
	if (state == assign.Held) != (l.state == assign.Held) {
		signal(l.m.changed)
	}
	l.state = state
}

// adopt takes over the newest document. While the lease is lost by the own clock it
// waits: what it says may be over, and the first renewal tells.
func (l *loop) adopt() error {
	if l.view.gone {
		return errGone
	}
	if !l.fresh || l.state == assign.Lost {
		return nil
	}
	l.fresh = false
	doc, now := l.view.doc, l.m.Document()
	switch member := now.Nonce != 0; {
	case l.view.bad != nil:
		return nil
	case !doc.Names(l.m.id) && !member:
		return nil
	case doc.Nonce == 0:
		return fmt.Errorf("%w: the assignment was deleted", ErrLost)
	case member && (doc.Nonce != now.Nonce || doc.Version < now.Version):
		return fmt.Errorf("%w: the cluster began anew (rule G3)", ErrLost)
	case !doc.Names(l.m.id):
		return fmt.Errorf("%w: the assignment names it no more", ErrLost)
	case doc.Version > now.Version:
		l.publish(doc, !member)
	}
	return nil
}

func (l *loop) publish(doc assign.Document, first bool) {
	l.m.mu.Lock()
	l.m.doc = doc
	l.m.mu.Unlock()
	if first {
		close(l.m.named)
		signal(l.m.kick) // the lease says so
	}
	signal(l.m.changed)
}

// next is when to step again if nothing happens.
func (l *loop) next() time.Time {
	next := l.renewAt
	sooner := func(t time.Time, ok bool) {
		if ok && t.Before(next) {
			next = t
		}
	}
	sooner(l.view.judge.Next(time.Now()))
	sooner(l.electAt, time.Now().Before(l.electAt))
	sooner(l.planAt, l.able() && l.leads() && !l.planAt.IsZero())
	return next
}

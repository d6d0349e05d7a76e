package member

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/waterspout/waterspout/internal/assign"
	"github.com/waterspout/waterspout/transport"
)

// A loop is the goroutine of a member and what it alone touches.
type loop struct {
	ctx    context.Context
	m      *Member
	watch  <-chan transport.Entry
	view   view
	health health

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

// open opens the watch.
func (l *loop) open() (err error) {
	for {
		if l.watch, err = l.m.config.Store.Watch(l.ctx); err == nil || errors.Is(err, transport.ErrClosed) {
			return err
		}
		if l.ctx.Err() != nil {
			return l.ctx.Err()
		}
		l.failed(err)
		select {
		case <-l.ctx.Done():
		case <-time.After(retry):
		}
	}
}

func (l *loop) serve() error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-l.ctx.Done():
			return l.ctx.Err()
		case e, open := <-l.watch:
			if !l.hear(e, open) {
				return transport.ErrClosed
			}
		case <-l.m.kick:
		case <-timer.C:
		}
		if err := l.step(); err != nil {
			return err
		}
		timer.Reset(time.Until(l.next()))
	}
}

// hear takes over an entry of the watch and all that wait behind it. It reports false
// if the watch has ended.
func (l *loop) hear(e transport.Entry, open bool) bool {
	for open {
		if err := l.view.take(e, time.Now()); err == nil {
			delete(l.told, e.Key)
		} else if !l.told[e.Key] {
			l.told[e.Key] = true
			l.m.config.Log.Warn("what another wrote into the store makes no sense", "key", e.Key, "error", err)
		}
		if e.Key == keyDocument {
			l.fresh = true
		}
		if e.Key == keyLeader {
			l.electAt = time.Time{} // what was tried was against another
		}
		if e.Key == keyDocument || e.Key == keyLeader {
			l.planSoon(0)
		}
		select {
		case e, open = <-l.watch:
		default:
			return true
		}
	}
	return false
}

// step does what is to be done now.
func (l *loop) step() error {
	if err := l.renew(time.Now()); err != nil {
		return err
	}
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
	l.resign(now)
	if l.view.synced && l.state == assign.Held { // else it may see too little
		l.elect(now)
		l.lead(now)
	}
	return nil
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
	sooner(l.planAt, l.view.synced && l.leads() && !l.planAt.IsZero() && l.state == assign.Held)
	return next
}

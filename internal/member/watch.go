package member

import (
	"context"
	"errors"
	"time"

	"github.com/waterspout/waterspout/transport"
)

// How the watch is read.
const (
	between = time.Millisecond // from an entry to one that waits behind it
	burst   = 1000             // entries until something else has its turn
)

// open opens the watch.
func (l *loop) open() error {
	for {
		var ctx context.Context
		var err error
		ctx, l.unwatch = context.WithCancel(l.ctx)
		if l.watch, err = l.m.config.Store.Watch(ctx); err == nil || errors.Is(err, transport.ErrClosed) {
			return err
		}
		l.unwatch()
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

// reopen replaces a watch by which the own renewals do not come back. What the former
// one told is in force until the new one has told its beginning: a key that vanished
// meanwhile is not in that.
func (l *loop) reopen() {
	l.unwatch()
	ctx, cancel := context.WithCancel(l.ctx)
	slow := time.AfterFunc(patience, cancel) // the lease must be renewed meanwhile
	watch, err := l.m.config.Store.Watch(ctx)
	if err != nil || !slow.Stop() {
		cancel()
		watch = nil // tells nothing; to be opened later
	}
	l.watch, l.unwatch = watch, cancel
	anew := newView(l.m.id, len(l.m.config.Shape))
	l.anew = &anew
	l.echo.Opened()
}

// listen opens the watch anew if it is deaf, and tells the log.
func (l *loop) listen() {
	deaf := l.echo.Deaf()
	switch {
	case deaf && !l.deaf:
		l.m.config.Log.Warn("the store does not tell what changes: its watch is opened anew, and this worker does not lead", "worker", l.m.id)
	case !deaf && l.deaf:
		l.m.config.Log.Info("the store tells what changes again", "worker", l.m.id)
	}
	l.deaf = deaf
	if l.echo.Due() {
		l.reopen()
	}
}

// catchUp takes over what waits: who is always busy with a slow store would lag behind
// ever further, and take that for a deaf watch.
func (l *loop) catchUp() (open bool) {
	select {
	case e, open := <-l.watch:
		return l.hear(e, open)
	default:
		return true
	}
}

// hear takes over an entry of the watch and those that wait behind it. It reports false
// if the watch has ended.
func (l *loop) hear(e transport.Entry, open bool) bool {
	for n := 1; open && n < burst; n++ {
		l.take(e)
		select {
		case e, open = <-l.watch:
			continue
		default:
		}
		if time.Now().Before(l.renewAt) {
			return true // and back at once for what comes
		}
		select {
		case e, open = <-l.watch:
		case <-time.After(between):
			return true
		}
	}
	if open {
		l.take(e)
	}
	return open
}

func (l *loop) take(e transport.Entry) {
	v := &l.view
	if l.anew != nil {
		v = l.anew
	}
	if err := v.take(e, time.Now()); err == nil {
		delete(l.told, e.Key)
	} else if !l.told[e.Key] {
		l.told[e.Key] = true
		l.m.config.Log.Warn("what another wrote into the store makes no sense", "key", e.Key, "error", err)
	}
	began := l.anew != nil && v.synced
	if began {
		l.view, l.anew = *v, nil
	}
	if e.Key == l.m.lease.key && v.synced { // else it may see too little for ever
		l.echo.Heard(v.counter)
	}
	if e.Key == keyDocument || began {
		l.fresh = true
	}
	if e.Key == keyLeader || began {
		l.electAt = time.Time{} // what was tried was against another
	}
	if e.Key == keyDocument || e.Key == keyLeader || began {
		l.planSoon(0)
	}
}

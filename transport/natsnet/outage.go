package natsnet

import (
	"log/slog"
	"sync"
	"time"
)

// An outage says that the server, or a part of it, is away: once, then once a minute, and
// when it is back. Its methods may be called from any goroutine.
type outage struct {
	log  *slog.Logger
	back string // what it says in the end

	mu       sync.Mutex // guards below
	down     int        // connections
	attempts int        // that failed, since began
	began    time.Time
	said     time.Time
	barred   bool // shut was called since
}

const again = time.Minute

// lost says that a connection is gone.
func (o *outage) lost(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.down++
	o.sayLocked("NATS is lost: trying to reach it again", err)
}

// failed says that an attempt has failed.
func (o *outage) failed(what string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.attempts++
	o.sayLocked(what, err)
}

// shut says that an attempt was refused. It says so at once if it is the first one:
// all that was said by then is that the connection was lost.
func (o *outage) shut(what string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.barred {
		o.barred, o.said = true, time.Time{}
	}
	o.attempts++
	o.sayLocked(what, err)
}

func (o *outage) sayLocked(what string, err error) {
	now := time.Now()
	if o.began.IsZero() {
		o.began = now
	} else if now.Sub(o.said) < again {
		return
	}
	o.said = now
	o.log.Warn(what, "attempts", o.attempts, "err", err)
}

// regained says that a connection is back.
func (o *outage) regained() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.down = max(0, o.down-1); o.down == 0 {
		o.overLocked()
	}
}

// over says that all is well.
func (o *outage) over() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.down == 0 {
		o.overLocked()
	}
}

func (o *outage) overLocked() {
	if !o.began.IsZero() {
		o.log.Info(o.back, "attempts", o.attempts, "after", time.Since(o.began).Round(time.Millisecond))
	}
	o.began, o.attempts, o.barred = time.Time{}, 0, false
}

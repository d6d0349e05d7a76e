package member

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/waterspout/waterspout/internal/assign"
	"github.com/waterspout/waterspout/transport"
)

// ErrLost says that this member is one no more.
var ErrLost = errors.New("the membership is lost")

// errGone says that somebody deleted the own lease.
var errGone = fmt.Errorf("%w: the lease was deleted", ErrLost)

// How the store is called.
const (
	patience = time.Second            // a call that takes longer failed
	retry    = 250 * time.Millisecond // after a call that failed
)

// A lease is a worker's own key in a store, written by nobody else.
type lease struct {
	store    transport.Store
	key      string
	counter  uint64
	revision uint64 // 0: not written yet, as far as is known
	tried    bool   // perhaps it was written nevertheless
}

// renew writes what value makes of a higher counter. It returns errGone if somebody
// has deleted the key. It may take three calls, each with a patience of its own: of a
// distant store's answers not all come within one.
func (l *lease) renew(ctx context.Context, value func(counter uint64) []byte) error {
	l.counter++
	l.tried = true
	b := value(l.counter)
	put := func(ctx context.Context) error {
		revision, err := l.store.Put(ctx, l.key, b, l.revision)
		if err == nil {
			l.revision = revision
		}
		return err
	}
	err := briefly(ctx, put)
	if errors.Is(err, transport.ErrConflict) {
		// Nobody else writes the key: either the answer to a former call was
		// lost, or it was deleted.
		if err = briefly(ctx, l.find); err == nil {
			err = briefly(ctx, put)
		}
	}
	return err
}

// briefly calls f with a patience of its own.
func briefly(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return f(ctx)
}

// told says at which revision a watch has shown the key: it knows of writes whose
// answers were lost.
func (l *lease) told(revision uint64) { l.revision = max(l.revision, revision) }

func (l *lease) find(ctx context.Context) error {
	e, err := l.store.Get(ctx, l.key)
	if err != nil {
		return err
	}
	if e.Value == nil {
		return errGone
	}
	l.revision = e.Revision
	return nil
}

// drop deletes the key, if it is there.
func (l *lease) drop(ctx context.Context) error {
	if !l.tried {
		return nil
	}
	err := transport.ErrConflict
	if l.revision != 0 {
		err = l.store.Delete(ctx, l.key, l.revision)
	}
	if errors.Is(err, transport.ErrConflict) {
		if err = l.find(ctx); errors.Is(err, errGone) {
			return nil
		}
		if err == nil {
			err = l.store.Delete(ctx, l.key, l.revision)
		}
	}
	return err
}

// health tells the log once when the store goes, and once when it is back.
type health struct{ since time.Time }

func (h *health) away() bool { return !h.since.IsZero() }

func (l *loop) failed(err error) {
	if !l.health.away() {
		l.health.since = time.Now()
		l.m.config.Log.Warn("coordination is away: the assignment stays as it is", "worker", l.m.id, "error", err)
	}
}

func (l *loop) worked() {
	if l.health.away() {
		l.m.config.Log.Info("coordination is back", "worker", l.m.id, "away", time.Since(l.health.since).Round(time.Millisecond))
		l.health = health{}
	}
}

// renew renews the lease if it is time, or if there is something new to say.
func (l *loop) renew(now time.Time) error {
	status := l.m.status()
	if now.Before(l.renewAt) && (l.health.away() || status.Equal(l.written)) {
		return nil
	}
	l.m.lease.told(l.view.leases[l.m.id].revision)
	err := l.m.lease.renew(l.ctx, func(counter uint64) []byte {
		return assign.Lease{Counter: counter, Status: status}.Encode()
	})
	switch {
	case errors.Is(err, errGone) || errors.Is(err, transport.ErrClosed):
		return err
	case l.ctx.Err() != nil:
		return nil
	case err != nil:
		l.failed(err)
		l.renewAt = time.Now().Add(retry)
		return nil
	}
	l.worked()
	l.written, l.renewAt = status, now.Add(assign.Renewal)
	l.echo.Renewed(l.m.lease.counter, now)
	l.m.mu.Lock()
	l.m.hold.Renewed(now)
	l.m.mu.Unlock()
	return nil
}

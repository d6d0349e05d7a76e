package natsnet

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/waterspout/waterspout/transport"
)

// received is how many messages wait between NATS and Recv before NATS drops. Credit
// keeps what is on its way far below it.
const received = 64 << 10

// Each lane has a wire, and so have the stores: a lease must not wait behind acks.
const (
	stores = transport.Lanes
	wires  = transport.Lanes + 1
)

// A wire is one connection, and the next one where NATS has closed it for good. That
// of the stores receives no frames.
type wire struct {
	subject string // that it receives on
	options nats.Options
	link    atomic.Pointer[link] // nil until it is connected
	closed  chan struct{}        // holds one value when NATS has closed a connection
	dialer  *dialer
	state   state
	in      chan *nats.Msg // nil if it receives nothing

	sending chan struct{} // holds one value while a frame is sent in parts
	frames  uint64        // that were sent in parts, guarded by sending
	parts   joiner        // Recv's

	mu      sync.Mutex // guards below
	sub     *nats.Subscription
	dropped uint64 // by sub, as NATS said last
	earlier uint64 // by the subscriptions before it
}

// A link is a connection, and what speaks of stores over it.
type link struct {
	nc *nats.Conn
	js jetstream.JetStream
}

func (w *wire) nc() *nats.Conn { return w.link.Load().nc }

var wireNames = [wires]string{transport.Data: "data", transport.Control: "control", stores: "stores"}

// listen makes w and c hear what NATS has to say, before the user's own callbacks.
func (c *conn) listen(w *wire, o *nats.Options) {
	user := *o
	o.DisconnectedErrCB = func(nc *nats.Conn, err error) {
		w.state.set(false)
		if c.over(context.Background()) == nil {
			c.outage.lost(cmp.Or(err, nc.LastError())) // the last one if it was closed for good
		}
		if user.DisconnectedErrCB != nil {
			user.DisconnectedErrCB(nc, err)
		} else if user.DisconnectedCB != nil {
			user.DisconnectedCB(nc)
		}
	}
	o.ClosedCB = func(nc *nats.Conn) {
		w.state.set(false)
		select {
		case w.closed <- struct{}{}:
		default:
		}
		if user.ClosedCB != nil {
			user.ClosedCB(nc)
		}
	}
	o.ReconnectedCB = func(nc *nats.Conn) {
		w.state.set(true)
		c.outage.regained()
		if user.ReconnectedCB != nil {
			user.ReconnectedCB(nc)
		}
	}
	o.ReconnectErrCB = func(nc *nats.Conn, err error) {
		c.failed("NATS is not reached: trying again", w.dialer.failed(err))
		if user.ReconnectErrCB != nil {
			user.ReconnectErrCB(nc, err)
		}
	}
	o.CustomReconnectDelayCB = func(attempt int) time.Duration {
		// Of a server that was reached and then refused, or was not who it
		// should be, there is no callback.
		if l := w.link.Load(); l != nil && l.nc.LastError() != nil {
			c.failures.Add(1)
			c.outage.shut("NATS does not let this worker in: trying again", l.nc.LastError())
		}
		return backoff(attempt)
	}
	o.AsyncErrorCB = func(nc *nats.Conn, sub *nats.Subscription, err error) {
		// Of a watch, which begins anew then. Whatever else there is nobody else hears of.
		slow := errors.Is(err, nats.ErrSlowConsumer) && sub != nil && sub.Subject != w.subject
		if !slow && !unauthorized(err) { // the outage says that it was not let in
			c.refused.failed("NATS refuses or drops what this worker sends or reads", err)
		}
		if user.AsyncErrorCB != nil {
			user.AsyncErrorCB(nc, sub, err)
		}
	}
}

// unauthorized reports whether a server ended a connection since it did not let in who
// made it, or does so no more.
func unauthorized(err error) bool {
	for _, e := range []error{nats.ErrAuthorization, nats.ErrAuthExpired, nats.ErrAuthRevoked, nats.ErrAccountAuthExpired} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// drops is how many messages NATS threw away, as far as it still says.
func (w *wire) drops() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dropsLocked()
}

func (w *wire) dropsLocked() uint64 {
	if w.sub != nil {
		if n, err := w.sub.Dropped(); err == nil {
			w.dropped = uint64(n)
		}
	}
	return w.earlier + w.dropped
}

func (w *wire) close() {
	w.nc().Close()
	w.dialer.cut()
}

// A state is whether a connection is up.
type state struct {
	mu      sync.Mutex // guards below
	up      bool
	changed context.Context // ends when up is set
	end     context.CancelFunc
}

func (s *state) set(up bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end != nil {
		s.end()
	}
	s.up = up
	s.changed, s.end = context.WithCancel(context.Background())
}

func (s *state) get() (up bool, changed context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.up, s.changed
}

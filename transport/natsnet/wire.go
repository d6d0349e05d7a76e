package natsnet

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

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

// A wire is one connection. That of the stores receives no frames.
type wire struct {
	nc      *nats.Conn
	made    atomic.Pointer[nats.Conn] // nc, for callbacks
	dialer  *dialer
	state   state
	in      chan *nats.Msg
	sub     *nats.Subscription
	dropped atomic.Uint64 // as NATS said last

	sending chan struct{} // holds one value while a frame is sent in parts
	frames  uint64        // that were sent in parts, guarded by sending
	parts   joiner        // Recv's
}

var wireNames = [wires]string{transport.Data: "data", transport.Control: "control", stores: "stores"}

// dial connects a wire of c, and tries until it is done or ctx ends.
func (c *conn) dial(ctx context.Context, lane transport.Lane, o nats.Options) (*wire, error) {
	w := &wire{in: make(chan *nats.Msg, received), sending: make(chan struct{}, 1), parts: newJoiner()}
	w.state.set(false)
	w.dialer = newDialer(&o)
	stop := context.AfterFunc(ctx, w.dialer.cut)
	defer stop()
	o.Name = fmt.Sprintf("%s %s %s", c.cluster, c.worker, wireNames[lane])
	c.listen(w, c.subject(c.worker, lane), &o)
	for attempt := 1; w.nc == nil; attempt++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var err error
		if w.nc, err = o.Connect(); err == nil {
			break
		}
		if permanent(err) {
			return nil, err
		}
		err = w.dialer.failed(err)
		c.failed("NATS is not reached: trying again", err)
		if perr := c.pause(ctx, backoff(attempt)); perr != nil {
			return nil, fmt.Errorf("%s is not reached: %w: %w", c.servers, perr, err)
		}
	}
	w.made.Store(w.nc)
	w.state.set(true)
	if lane == stores {
		return w, nil
	}
	var err error
	if w.sub, err = w.nc.ChanSubscribe(c.subject(c.worker, lane), w.in); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// permanent reports whether err is in how the net is set up.
func permanent(err error) bool {
	for _, e := range []error{nats.ErrNkeyAndUser, nats.ErrNkeyButNoSigCB, nats.ErrMixingWebsocketSchemes, nats.ErrBadTimeout} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// listen makes w, which receives on subject, and c hear what NATS has to say, before
// the user's own callbacks.
func (c *conn) listen(w *wire, subject string, o *nats.Options) {
	user := *o
	o.DisconnectedErrCB = func(nc *nats.Conn, err error) {
		w.state.set(false)
		if c.over(context.Background()) == nil {
			c.outage.lost(err)
		}
		if user.DisconnectedErrCB != nil {
			user.DisconnectedErrCB(nc, err)
		} else if user.DisconnectedCB != nil {
			user.DisconnectedCB(nc)
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
		if nc := w.made.Load(); nc != nil && nc.LastError() != nil {
			c.failures.Add(1)
			c.outage.shut("NATS does not let this worker in: trying again", nc.LastError())
		}
		return backoff(attempt)
	}
	o.AsyncErrorCB = func(nc *nats.Conn, sub *nats.Subscription, err error) {
		slow := errors.Is(err, nats.ErrSlowConsumer) && sub != nil && sub.Subject == subject // a slow watch begins anew
		if slow || errors.Is(err, nats.ErrPermissionViolation) {
			c.refused.failed("NATS refuses or drops what this worker sends or reads", err)
		}
		if user.AsyncErrorCB != nil {
			user.AsyncErrorCB(nc, sub, err)
		}
	}
}

// drops is how many messages NATS threw away, as far as it still says.
func (w *wire) drops() uint64 {
	if w.sub == nil {
		return 0
	}
	if n, err := w.sub.Dropped(); err == nil {
		w.dropped.Store(uint64(n))
	}
	return w.dropped.Load()
}

func (w *wire) close() {
	w.nc.Close()
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

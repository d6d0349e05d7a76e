package natsnet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/waterspout/waterspout/transport"
)

// dial connects a wire of c, and tries until it is done or ctx ends.
func (c *conn) dial(ctx context.Context, lane transport.Lane, o nats.Options) (*wire, error) {
	w := &wire{
		subject: c.subject(c.worker, lane), closed: make(chan struct{}, 1),
		sending: make(chan struct{}, 1), parts: newJoiner(),
	}
	if lane != stores {
		w.in = make(chan *nats.Msg, received)
	}
	w.state.set(false)
	w.dialer = newDialer(&o)
	stop := context.AfterFunc(ctx, w.dialer.cut)
	defer stop()
	o.Name = fmt.Sprintf("%s %s %s", c.cluster, c.worker, wireNames[lane])
	c.listen(w, &o)
	w.options = o
	if err := c.connect(ctx, w); err != nil {
		return nil, err
	}
	c.watch(func() { c.keep(w) })
	return w, nil
}

// connect gives w a connection, and tries until it is done or ctx ends.
func (c *conn) connect(ctx context.Context, w *wire) error {
	for attempt := 1; ; attempt++ {
		if err := c.over(ctx); err != nil {
			return err
		}
		nc, err := w.options.Connect()
		if err == nil {
			if err = w.use(nc); err == nil {
				return nil
			}
			nc.Close()
		}
		if permanent(err) {
			return err
		}
		err = w.dialer.failed(err)
		c.failed("NATS is not reached: trying again", err)
		if perr := c.pause(ctx, backoff(attempt)); perr != nil {
			return fmt.Errorf("%s is not reached: %w: %w", c.servers, perr, err)
		}
	}
}

// use makes nc the connection of w.
func (w *wire) use(nc *nats.Conn) error {
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	if w.in != nil {
		sub, err := nc.ChanSubscribe(w.subject, w.in)
		if err != nil {
			return err
		}
		w.mu.Lock()
		w.earlier, w.dropped, w.sub = w.dropsLocked(), 0, sub
		w.mu.Unlock()
	}
	w.link.Store(&link{nc, js})
	w.state.set(true)
	return nil
}

// keep gives w another connection whenever NATS has closed the one it has. The library
// comes back by itself after most errors, but not after some that a server sends, like
// that a message is too large for it since it was told to take smaller ones. Whoever
// sends or waits for a store sees an outage as any other.
func (c *conn) keep(w *wire) {
	for attempt := 1; ; attempt++ {
		made := time.Now()
		select {
		case <-w.closed:
		case <-c.ctx.Done():
			return
		}
		if !w.nc().IsClosed() { // it was one that was never used
			continue
		}
		if time.Since(made) > again {
			attempt = 1
		}
		if c.pause(c.ctx, backoff(attempt)) != nil || c.connect(c.ctx, w) != nil {
			return
		}
		if c.ctx.Err() != nil { // Close has closed the one before
			w.close()
			return
		}
		c.outage.regained()
	}
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

package inproc

import (
	"context"
	"sync"

	"github.com/waterspout/waterspout/transport"
)

// queued is how many frames wait at a receiver, per lane, before Send blocks.
const queued = 64

// A conn is one worker's end.
type conn struct {
	net     *Net
	member  member
	lanes   [transport.Lanes]chan []byte
	closed  chan struct{}
	close   sync.Once
	watches sync.WaitGroup
}

func newConn(n *Net, m member) *conn {
	c := &conn{net: n, member: m, closed: make(chan struct{})}
	for i := range c.lanes {
		c.lanes[i] = make(chan []byte, queued)
	}
	return c
}

// over is why a call must return before it has begun, or nil.
func (c *conn) over(ctx context.Context) error {
	select {
	case <-c.closed:
		return transport.ErrClosed
	default:
		return ctx.Err()
	}
}

// await returns when the net reaches this worker, and reports whether it had to
// wait for that.
func (c *conn) await(ctx context.Context) (waited bool, err error) {
	for {
		if err := c.over(ctx); err != nil {
			return waited, err
		}
		c.net.mu.Lock()
		reached, changed := c.net.reachesLocked(c.member.worker), c.net.changed
		c.net.mu.Unlock()
		if reached {
			return waited, nil
		}
		waited = true
		if err := c.wait(ctx, changed); err != nil {
			return waited, err
		}
	}
}

// wait waits for ch to be closed.
func (c *conn) wait(ctx context.Context, ch <-chan struct{}) error {
	select {
	case <-ch:
		return nil
	case <-c.closed:
		return transport.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Send implements transport.Conn.
func (c *conn) Send(ctx context.Context, to string, lane transport.Lane, payload []byte) error {
	if err := transport.CheckFrame(to, lane, len(payload)); err != nil {
		return err
	}
	frame := append([]byte{}, payload...)
	for {
		if _, err := c.await(ctx); err != nil {
			return err
		}
		c.net.mu.Lock()
		peer := c.net.members[member{c.member.cluster, to}]
		lost := peer == nil || !c.net.reachesLocked(to)
		changed := c.net.changed
		c.net.mu.Unlock()
		if lost {
			return nil
		}
		select {
		case peer.lanes[lane] <- frame:
			return nil
		case <-peer.closed:
			return nil
		case <-changed: // the peer may be cut off now
		case <-c.closed:
			return transport.ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Recv implements transport.Conn.
func (c *conn) Recv(ctx context.Context, lane transport.Lane) ([]byte, error) {
	if err := c.over(ctx); err != nil {
		return nil, err
	}
	select {
	case frame := <-c.lanes[lane]:
		return frame, nil
	case <-c.closed:
		return nil, transport.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Store implements transport.Conn.
func (c *conn) Store(ctx context.Context, name string) (transport.Store, error) {
	if err := transport.CheckName(name); err != nil {
		return nil, err
	}
	if _, err := c.await(ctx); err != nil {
		return nil, err
	}
	return &store{conn: c, name: name}, nil
}

// Dropped implements transport.Conn: nothing ever is.
func (c *conn) Dropped() uint64 { return 0 }

// Close implements transport.Conn. It returns when the goroutines of all watches
// have ended.
func (c *conn) Close() error {
	c.close.Do(func() {
		c.net.mu.Lock()
		if c.net.members[c.member] == c {
			delete(c.net.members, c.member)
		}
		close(c.closed)
		c.net.mu.Unlock()
	})
	c.watches.Wait()
	return nil
}

package natsnet

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/waterspout/waterspout/transport"
)

// A conn is one worker's end.
type conn struct {
	net             Net
	cluster, worker string
	servers         string // for people
	sender          string // names this end in the parts of frames
	outage          outage // of the connections
	refused         outage // of rights, and of messages that NATS dropped
	failures        atomic.Uint64

	wires [wires]*wire // nil if it was never connected

	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	once    sync.Once
	mu      sync.Mutex // of watches.Go and cancel: none begins after Close
	watches sync.WaitGroup
}

func newConn(n Net, servers, cluster, worker string) *conn {
	c := &conn{net: n, servers: servers, cluster: cluster, worker: worker, sender: nuid.Next()}
	log := n.Log.With("server", c.servers, "cluster", cluster, "worker", worker)
	c.outage = outage{log: log, back: "NATS is reached"}
	c.refused.log = log // it does not end
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// subject is where a worker's frames of a lane go.
func (c *conn) subject(worker string, lane transport.Lane) string {
	return c.net.Prefix + "." + c.cluster + "." + worker + "." + wireNames[lane]
}

// js is what speaks of stores over the connection that they have now.
func (c *conn) js() jetstream.JetStream { return c.wires[stores].link.Load().js }

// over is why a call must return, or nil.
func (c *conn) over(ctx context.Context) error {
	if c.ctx.Err() != nil {
		return transport.ErrClosed
	}
	return ctx.Err()
}

// wait waits for ch to be closed.
func (c *conn) wait(ctx context.Context, ch <-chan struct{}) error {
	select {
	case <-ch:
		return nil
	case <-c.ctx.Done():
		return transport.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pause waits for d.
func (c *conn) pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-c.ctx.Done():
		return transport.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// answer is how long a server may take to answer a request.
const answer = 5 * time.Second

// try calls f when the stores' connection is up, with a context that ends with ctx,
// with Close, with that connection, and when the server has had its time.
func (c *conn) try(ctx context.Context, f func(context.Context) error) error {
	up, changed := c.wires[stores].state.get()
	for ; !up; up, changed = c.wires[stores].state.get() {
		if err := c.wait(ctx, changed.Done()); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	defer context.AfterFunc(c.ctx, cancel)()
	defer context.AfterFunc(changed, cancel)()
	return f(ctx)
}

// Send implements transport.Conn. It may be in a write that does not look at ctx,
// for as long as it takes to find that a connection is dead, ten seconds.
func (c *conn) Send(ctx context.Context, to string, lane transport.Lane, payload []byte) error {
	if err := transport.CheckFrame(to, lane, len(payload)); err != nil {
		return err
	}
	if err := c.over(ctx); err != nil {
		return err
	}
	w, subject := c.wires[lane], c.subject(to, lane)
	if limit := w.nc().MaxPayload(); int64(len(payload)) > limit {
		return c.sendParts(ctx, w, subject, payload, int(limit))
	}
	return c.publish(ctx, w, &nats.Msg{Subject: subject, Data: payload})
}

// publish hands m to NATS once the connection is up.
func (c *conn) publish(ctx context.Context, w *wire, m *nats.Msg) error {
	for {
		up, changed := w.state.get()
		if up {
			err := w.nc().PublishMsg(m)
			if err == nil {
				return nil
			}
			if err := c.over(ctx); err != nil {
				return err
			}
			if !errors.Is(err, nats.ErrReconnectBufExceeded) && !errors.Is(err, nats.ErrConnectionClosed) {
				return lost(err)
			}
		}
		// Down, or about to be told so: a change is still to come.
		if err := c.wait(ctx, changed.Done()); err != nil {
			return err
		}
	}
}

// lost is nil if err is one of a frame that is lost with its connection, or with the
// server it was sent to.
func lost(err error) error {
	for _, e := range []error{nats.ErrBadSubject, nats.ErrHeadersNotSupported} {
		if errors.Is(err, e) {
			return err
		}
	}
	return nil
}

// Recv implements transport.Conn.
func (c *conn) Recv(ctx context.Context, lane transport.Lane) ([]byte, error) {
	if err := c.over(ctx); err != nil {
		return nil, err
	}
	w := c.wires[lane]
	for {
		select {
		case m := <-w.in:
			if m.Header == nil {
				return m.Data, nil
			}
			if frame, whole := w.parts.join(m); whole {
				return frame, nil
			}
		case <-c.ctx.Done():
			return nil, transport.ErrClosed
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Dropped implements transport.Conn.
func (c *conn) Dropped() (n uint64) {
	for _, w := range c.wires {
		n += w.drops()
	}
	return n
}

// watch runs f on a goroutine that Close waits for. It reports false after Close.
func (c *conn) watch(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil {
		return false
	}
	c.watches.Go(f)
	return true
}

// stuck is how long Close waits for a write that is under way.
const stuck = time.Second

// Failures is how often NATS was not reached, did not let this worker in, or its
// JetStream did not answer.
func (c *conn) Failures() uint64 { return c.failures.Load() }

// failed counts an attempt, and says that it failed.
func (c *conn) failed(what string, err error) {
	c.failures.Add(1)
	c.outage.failed(what, err)
}

// Close implements transport.Conn. What was sent is handed to the server, if it
// takes it within a second. It returns when the goroutines of all watches have
// ended.
func (c *conn) Close() error {
	c.once.Do(func() {
		c.mu.Lock()
		c.cancel()
		c.mu.Unlock()
		var group sync.WaitGroup
		for _, w := range c.wires {
			if w == nil {
				continue
			}
			w.drops() // while NATS still says
			t := time.AfterFunc(stuck, w.dialer.cut)
			group.Go(func() {
				w.close()
				t.Stop()
			})
		}
		group.Wait()
	})
	c.watches.Wait()
	return nil
}

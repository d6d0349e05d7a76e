package kafkaio

import (
	"context"
	"net"
	"sync"

	"github.com/IBM/sarama"
)

// wires are the connections that one client opened, so that they can be cut: sarama
// waits for the answer to a request whatever happens: that to a join comes only when all
// other members have joined, and that of a broker which accepts and then keeps silent
// not at all. Methods may be called from any goroutine.
type wires struct {
	dial func(network, addr string) (net.Conn, error)
	ctx  context.Context // of dials
	stop context.CancelFunc

	// again, if there is one, is called after each dial, may wait, and reports whether
	// to dial once more.
	again func(addr string, err error) bool

	mu   sync.Mutex // guards open
	open map[net.Conn]bool
}

// track makes conf, which is the caller's own, open its connections through wires.
func track(conf *sarama.Config, again func(addr string, err error) bool) *wires {
	w := &wires{again: again, open: map[net.Conn]bool{}}
	w.ctx, w.stop = context.WithCancel(context.Background())
	if conf.Net.Proxy.Enable {
		w.dial = conf.Net.Proxy.Dialer.Dial
	} else { // as sarama does
		d := &net.Dialer{Timeout: conf.Net.DialTimeout, KeepAlive: conf.Net.KeepAlive, LocalAddr: conf.Net.LocalAddr}
		w.dial = func(network, addr string) (net.Conn, error) { return d.DialContext(w.ctx, network, addr) }
	}
	conf.Net.Proxy.Enable, conf.Net.Proxy.Dialer = true, w
	return w
}

// Dial opens a connection. It blocks for as long as again says to go on.
func (w *wires) Dial(network, addr string) (net.Conn, error) {
	if w.ctx.Err() != nil {
		return nil, net.ErrClosed
	}
	c, err := w.dial(network, addr)
	for w.again != nil && w.again(addr, err) {
		if err == nil {
			_ = c.Close() // whoever is there hangs up
		}
		c, err = w.dial(network, addr)
	}
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ctx.Err() != nil {
		_ = c.Close() // nobody has used it
		return nil, net.ErrClosed
	}
	w.open[c] = true
	return &wire{c, w}, nil
}

// cut closes all connections; what waits for an answer on one gets an error.
func (w *wires) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.open {
		_ = c.Close() // its user finds out
		delete(w.open, c)
	}
}

// end cuts all connections, and the dials under way, for good.
func (w *wires) end() {
	w.stop()
	w.cut()
}

type wire struct {
	net.Conn
	wires *wires
}

// Close closes the connection.
func (c *wire) Close() error {
	c.wires.mu.Lock()
	delete(c.wires.open, c.Conn)
	c.wires.mu.Unlock()
	return c.Conn.Close()
}

package kafkaio

import (
	"net"
	"sync"

	"github.com/IBM/sarama"
)

// conns are a client's connections. sarama waits for a broker that accepts and
// then keeps silent, once per request and broker; closing the connections below
// it ends that at once.
type conns struct {
	dialer interface {
		Dial(network, addr string) (net.Conn, error)
	}
	mu   sync.Mutex
	open map[net.Conn]struct{} // nil once cut
}

// watchConns makes conf dial through a conns.
func watchConns(conf *sarama.Config) *conns {
	c := &conns{open: map[net.Conn]struct{}{}}
	if conf.Net.Proxy.Enable {
		c.dialer = conf.Net.Proxy.Dialer
	} else {
		c.dialer = &net.Dialer{Timeout: conf.Net.DialTimeout, KeepAlive: conf.Net.KeepAlive, LocalAddr: conf.Net.LocalAddr}
	}
	conf.Net.Proxy.Enable, conf.Net.Proxy.Dialer = true, c
	return c
}

// Dial connects, unless the connections were cut.
func (c *conns) Dial(network, addr string) (net.Conn, error) {
	conn, err := c.dialer.Dial(network, addr)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		_ = conn.Close() // it was never used
		return nil, net.ErrClosed
	}
	w := &watchedConn{conn, c}
	c.open[w] = struct{}{}
	return w, nil
}

// cut closes all connections, now and from now on.
func (c *conns) cut() {
	c.mu.Lock()
	open := c.open
	c.open = nil
	c.mu.Unlock()
	for conn := range open {
		_ = conn.Close() // whoever uses it gets the error
	}
}

// A watchedConn takes itself off its conns when it is closed.
type watchedConn struct {
	net.Conn
	conns *conns
}

func (w *watchedConn) Close() error {
	w.conns.mu.Lock()
	delete(w.conns.open, w)
	w.conns.mu.Unlock()
	return w.Conn.Close()
}

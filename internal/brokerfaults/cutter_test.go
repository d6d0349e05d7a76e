package brokerfaults

import (
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
)

// A cutter makes the connections of a broker break: in the middle of a request that
// it reads, which it then never handles, or of an answer that it writes to one that
// it has handled.
type cutter struct {
	every atomic.Int64 // one of so many reads and writes breaks; none if zero
	cuts  atomic.Int64

	mu  sync.Mutex // guards rng
	rng *rand.Rand
}

func (c *cutter) listen(network, address string) (net.Listener, error) {
	l, err := net.Listen(network, address)
	return &cutListener{l, c}, err
}

// breaks says how much of n bytes pass before the connection breaks, if it does.
func (c *cutter) breaks(n int) (passed int, yes bool) {
	every := c.every.Load()
	if every == 0 || n == 0 {
		return n, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rng.Int64N(every) > 0 {
		return n, false
	}
	c.cuts.Add(1)
	return c.rng.IntN(n), true
}

type cutListener struct {
	net.Listener
	cutter *cutter
}

func (l *cutListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &cutConn{conn, l.cutter}, nil
}

type cutConn struct {
	net.Conn
	cutter *cutter
}

func (c *cutConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	passed, cut := c.cutter.breaks(n)
	if cut {
		_ = c.Close()
		return passed, net.ErrClosed
	}
	return n, err
}

func (c *cutConn) Write(b []byte) (int, error) {
	passed, cut := c.cutter.breaks(len(b))
	if !cut {
		return c.Conn.Write(b)
	}
	n, _ := c.Conn.Write(b[:passed])
	_ = c.Close()
	return n, net.ErrClosed
}

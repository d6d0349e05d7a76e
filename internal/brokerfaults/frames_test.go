package brokerfaults

import (
	"encoding/binary"
	"io"
	"net"
	"sync"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/waterspout/waterspout/internal/kafkaio"
)

// A loss is where a connection breaks.
type loss uint8

const (
	before loss = iota // the broker handles the request
	after              // it has, and its answer is lost
	within             // half of its answer has been sent
)

// A breaker breaks connections at the next requests of one kind that the job's clients
// send; the judge's are spared.
type breaker struct {
	mu   sync.Mutex // guards what follows
	key  kmsg.Key
	at   loss
	left int
}

// struck is how often it has broken one, of so many times.
func (b *breaker) struck(of int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return of - b.left
}

// strikes reports whether to break at this request.
func (b *breaker) strikes(key kmsg.Key, client string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left == 0 || key != b.key || client != kafkaio.ClientID {
		return false
	}
	b.left--
	return true
}

func (b *breaker) listen(network, address string) (net.Listener, error) {
	l, err := net.Listen(network, address)
	return &frameListener{l, b}, err
}

type frameListener struct {
	net.Listener
	breaker *breaker
}

func (l *frameListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &frameConn{Conn: conn, breaker: l.breaker, struck: map[int32]bool{}}, nil
}

// A frameConn is a broker's connection, and knows requests and answers.
type frameConn struct {
	net.Conn
	breaker *breaker
	rest    []byte // of a request that was read

	mu     sync.Mutex // guards struck
	struck map[int32]bool
}

// Read reads a request whole, and hands it out.
func (c *frameConn) Read(b []byte) (int, error) {
	if len(c.rest) == 0 {
		frame := make([]byte, 4)
		if _, err := io.ReadFull(c.Conn, frame); err != nil {
			return 0, err
		}
		frame = append(frame, make([]byte, binary.BigEndian.Uint32(frame))...)
		if _, err := io.ReadFull(c.Conn, frame[4:]); err != nil {
			return 0, err
		}
		if !c.passes(frame) {
			_ = c.Close()
			return 0, net.ErrClosed
		}
		c.rest = frame
	}
	n := copy(b, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// passes reports whether the broker gets a request.
func (c *frameConn) passes(frame []byte) bool {
	r := kbin.Reader{Src: frame[4:]}
	key, _, id, client := r.Int16(), r.Int16(), r.Int32(), r.NullableString()
	if client == nil || !c.breaker.strikes(kmsg.Key(key), *client) {
		return true
	}
	if c.breaker.at == before {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.struck[id] = true
	return true
}

// Write sends an answer, which the broker writes whole.
func (c *frameConn) Write(b []byte) (int, error) {
	id := int32(binary.BigEndian.Uint32(b[4:8]))
	c.mu.Lock()
	struck := c.struck[id]
	c.mu.Unlock()
	if !struck {
		return c.Conn.Write(b)
	}
	if c.breaker.at == within {
		_, _ = c.Conn.Write(b[:len(b)/2]) // the connection breaks anyway
	}
	_ = c.Close()
	return 0, net.ErrClosed
}

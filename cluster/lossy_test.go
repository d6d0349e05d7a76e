package cluster_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/waterspout/waterspout/transport"
)

// lossy is a net whose frames get lost, doubled, late and damaged, each with the
// same small chance, and which takes up to lag for each data frame.
type lossy struct {
	transport.Net
	chance float64
	lag    time.Duration

	mu   sync.Mutex
	dice *rand.Rand
}

func (l *lossy) Open(ctx context.Context, cluster, worker string) (transport.Conn, error) {
	c, err := l.Net.Open(ctx, cluster, worker)
	if err != nil {
		return nil, err
	}
	return &lossyConn{Conn: c, net: l, late: map[string][]byte{}}, nil
}

// roll is which mishap a frame has, 0 for none, and a random bit of it.
func (l *lossy) roll(size int) (mishap, bit int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for m := 1; m <= 4; m++ {
		if l.dice.Float64() < l.chance {
			return m, l.dice.IntN(8 * size)
		}
	}
	return 0, 0
}

func (l *lossy) wait() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Duration(l.dice.Int64N(int64(l.lag)))
}

type lossyConn struct {
	transport.Conn
	net *lossy

	mu   sync.Mutex
	late map[string][]byte // by receiver: to be sent behind the next data frame
}

func (c *lossyConn) Send(ctx context.Context, to string, lane transport.Lane, payload []byte) error {
	mishap, bit := c.net.roll(len(payload))
	if lane == transport.Data && c.net.lag > 0 {
		<-time.After(c.net.wait())
	}
	switch mishap {
	case 1:
		return nil
	case 2:
		if err := c.Conn.Send(ctx, to, lane, payload); err != nil {
			return err
		}
	case 3:
		payload = bytes.Clone(payload)
		payload[bit/8] ^= 1 << (bit % 8)
	case 4:
		if lane == transport.Data {
			c.mu.Lock()
			c.late[to] = bytes.Clone(payload)
			c.mu.Unlock()
			return nil
		}
	}
	if err := c.Conn.Send(ctx, to, lane, payload); err != nil || lane != transport.Data {
		return err
	}
	c.mu.Lock()
	late := c.late[to]
	delete(c.late, to)
	c.mu.Unlock()
	if late == nil {
		return nil
	}
	return c.Conn.Send(ctx, to, lane, late)
}

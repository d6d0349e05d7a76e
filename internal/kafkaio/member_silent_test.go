package kafkaio_test

import (
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
)

// A void is how a client reaches the brokers, until it is silent: from then on nothing
// is answered, on old connections and on new ones.
type void struct{ silent atomic.Bool }

// Dial implements proxy.Dialer.
func (v *void) Dial(network, addr string) (net.Conn, error) {
	c, err := net.Dial(network, addr)
	return voidConn{c, v}, err
}

type voidConn struct {
	net.Conn
	void *void
}

func (c voidConn) Write(b []byte) (int, error) {
	if c.void.silent.Load() {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

// To close a member takes as long as its partitions may take and some seconds, and not
// as many timeouts as there are brokers and tries.
func TestMemberClosesWhenNobodyAnswers(t *testing.T) {
	broker := fresh(t, "in")
	v := &void{}
	m, claims := joined(t, broker, "", func(c *sarama.Config) {
		c.Net.Proxy.Enable, c.Net.Proxy.Dialer = true, v
		c.Net.ReadTimeout = 5 * time.Second
		c.Consumer.Group.Rebalance.Timeout = time.Second
	})
	<-claims
	v.silent.Store(true)
	closed := make(chan struct{})
	go func() {
		_ = m.Close() // it may say that it could not leave
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(15 * time.Second):
		t.Fatal("Close waits for brokers that do not answer")
	}
}

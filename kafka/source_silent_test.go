package kafka_test

import (
	"encoding/binary"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// A void is how a client reaches the brokers, until it is silent: from then on nothing
// is answered, on old connections and on new ones.
type void struct {
	silent    atomic.Bool
	once      sync.Once
	committed chan struct{} // closed when a commit was sent into the silence
}

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
	if !c.void.silent.Load() {
		return c.Conn.Write(b)
	}
	if len(b) >= 6 && binary.BigEndian.Uint16(b[4:]) == uint16(kmsg.OffsetCommit) {
		c.void.once.Do(func() { close(c.void.committed) })
	}
	return len(b), nil
}

// A task whose commit is not answered can be closed: it does not wait for as many
// timeouts as there are brokers and tries.
func TestSourceClosesWhenNobodyAnswers(t *testing.T) {
	broker := fresh(t, "in")
	put(t, broker, "in", series(0, 10)...)
	spec := spoutOf(broker, "in")
	v := &void{committed: make(chan struct{})}
	spec.Sarama.Net.Proxy.Enable, spec.Sarama.Net.Proxy.Dialer = true, v
	spec.Sarama.Net.ReadTimeout = 5 * time.Second
	spec.Sarama.Consumer.Group.Rebalance.Timeout = time.Second
	r := start(t, spec, hold)
	r.untilEmitted(10)
	v.silent.Store(true)
	r.settle(ack)
	<-v.committed
	_ = r.drain()
	closed := make(chan struct{})
	go func() {
		_ = r.source.Close() // it may say that it could not leave
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(15 * time.Second):
		t.Fatal("Close waits for brokers that do not answer")
	}
}

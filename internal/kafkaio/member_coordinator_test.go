package kafkaio_test

import (
	"errors"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/waterspout/waterspout/internal/kafkaio"
	"github.com/waterspout/waterspout/kafka/kafkatest"
)

// A port is how a client reaches the brokers, and can be closed.
type port struct {
	mu      sync.Mutex // guards what follows
	closed  bool
	hangsUp bool // instead of refusing while it is closed
	refused int
	changed sync.Cond
	open    []net.Conn
}

func newPort() *port {
	p := &port{}
	p.changed.L = &p.mu
	return p
}

// Dial implements proxy.Dialer.
func (p *port) Dial(network, addr string) (net.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		p.refused++
		p.changed.Broadcast()
		if p.hangsUp {
			c, other := net.Pipe()
			return c, other.Close()
		}
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
	c, err := net.Dial(network, addr)
	if err == nil {
		p.open = append(p.open, c)
	}
	return c, err
}

// shut breaks all connections, and refuses others.
func (p *port) shut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, c := range p.open {
		_ = c.Close()
	}
	p.open = nil
}

// await returns when so many dials were refused since shut.
func (p *port) await(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.refused < n {
		p.changed.Wait()
	}
}

func (p *port) reopen() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = false
}

func through(p *port) func(*sarama.Config) {
	return func(c *sarama.Config) {
		c.Net.Proxy.Enable, c.Net.Proxy.Dialer = true, p
		c.Metadata.Retry.Max, c.Metadata.Retry.Backoff = 1, 50*time.Millisecond
	}
}

// A broker that is gone for longer than sarama tries its heartbeats finds its members
// as they were: no claim is lost, and the session goes on to commit.
func TestMemberOutlastsCoordinator(t *testing.T) {
	for name, hangsUp := range map[string]bool{"closed": false, "hangs up": true} {
		t.Run(name, func(t *testing.T) {
			p := newPort()
			p.hangsUp = hangsUp
			outlasts(t, p)
		})
	}
}

func outlasts(t *testing.T, p *port) {
	broker := fresh(t, "in")
	m, claims := joined(t, broker, "", through(p))
	c := <-claims
	id, generation := m.Identity()
	p.shut()
	p.await(20) // dials; sarama's heartbeats would have been given up after two
	if doing, err := m.Trouble(); doing == "" || err == nil {
		t.Errorf("while the broker is away the trouble is %q, %v", doing, err)
	}
	p.reopen()
	for err := error(nil); ; {
		if err = m.Commit(kafkaio.Point{Claim: c, Offset: 0})[0]; err == nil {
			break
		}
		if kafkaio.Lost(err) {
			t.Fatalf("the member was forgotten: %v", err)
		}
	}
	select {
	case <-c.Lost():
		t.Error("the claim was lost")
	default:
	}
	if i, g := m.Identity(); i != id || g != generation {
		t.Errorf("member %s of generation %d, was %s of %d", i, g, id, generation)
	}
}

// To close a member does not wait for a coordinator that is gone.
func TestMemberClosesWithoutCoordinator(t *testing.T) {
	broker := fresh(t, "in")
	p := newPort()
	m, claims := joined(t, broker, "", through(p))
	c := <-claims
	p.shut()
	p.await(20)
	if err := m.Close(); err == nil {
		t.Error("it says that it has left the group, which it cannot have")
	}
	<-c.Lost()
}

// A right that is gone when the coordinator is back ends the membership, and the wait.
func TestMemberLosesItsRightMeanwhile(t *testing.T) {
	broker := kafkatest.Start(t, "in")
	p := newPort()
	m, claims := joined(t, broker, "", through(p))
	c := <-claims
	p.shut()
	p.await(20)
	broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, TopLevel: true, Err: kerr.GroupAuthorizationFailed, Count: -1})
	p.reopen()
	<-m.Dead()
	if err := m.Err(); !errors.Is(err, sarama.ErrGroupAuthorizationFailed) {
		t.Errorf("the membership ended with %v", err)
	}
	<-c.Lost()
}

package natsnet

import (
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// A dialer dials for a nats.Conn, and can take back what it gave: a nats.Conn holds
// its lock while it dials and writes, and so cannot be closed then.
type dialer struct {
	user    nats.CustomDialer // nil if there is none
	base    net.Dialer
	keep    bool // the order of a name's addresses
	timeout time.Duration
	ctx     context.Context // ends with cut
	cancel  context.CancelFunc

	mu   sync.Mutex // guards below
	last net.Conn
	err  error // of the last attempt
}

func newDialer(o *nats.Options) *dialer {
	d := &dialer{user: o.CustomDialer, keep: o.NoRandomize, timeout: o.Timeout}
	if o.Dialer != nil {
		d.base = *o.Dialer
	}
	if d.timeout <= 0 {
		d.timeout = nats.DefaultTimeout
	}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	if d.user == nil {
		o.SkipHostLookup = true // dial does it, and can be stopped
	}
	o.CustomDialer = d
	return d
}

// Dial implements nats.CustomDialer.
func (d *dialer) Dial(network, address string) (net.Conn, error) {
	c, err := d.dial(network, address)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err = err; err != nil {
		return nil, err
	}
	if err := d.ctx.Err(); err != nil {
		c.Close()
		return nil, err
	}
	d.last = c
	return c, nil
}

func (d *dialer) dial(network, address string) (c net.Conn, err error) {
	if d.user != nil {
		return d.user.Dial(network, address)
	}
	ctx, cancel := context.WithTimeout(d.ctx, d.timeout)
	defer cancel()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	hosts := []string{host}
	if net.ParseIP(host) == nil {
		if hosts, err = net.DefaultResolver.LookupHost(ctx, host); err != nil {
			return nil, err
		}
	}
	if !d.keep { // so that the workers spread over the servers of one name
		rand.Shuffle(len(hosts), func(i, j int) { hosts[i], hosts[j] = hosts[j], hosts[i] })
	}
	return d.first(ctx, network, hosts, port)
}

// first is a connection to the first of hosts that takes one. Each has its share of the
// time that is left, so that one which is silent leaves some for the others.
func (d *dialer) first(ctx context.Context, network string, hosts []string, port string) (c net.Conn, err error) {
	for i, h := range hosts {
		share := d.timeout
		if end, ok := ctx.Deadline(); ok {
			share = time.Until(end) / time.Duration(len(hosts)-i)
		}
		one, cancel := context.WithTimeout(ctx, share)
		c, err = d.base.DialContext(one, network, net.JoinHostPort(h, port))
		cancel()
		if err == nil {
			return c, nil
		}
	}
	return nil, err
}

// SkipTLSHandshake says what the user's dialer says.
func (d *dialer) SkipTLSHandshake() bool {
	u, ok := d.user.(interface{ SkipTLSHandshake() bool })
	return ok && u.SkipTLSHandshake()
}

// failed is the error of the last attempt, or err if the network was not to blame.
func (d *dialer) failed(err error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return d.err
	}
	return err
}

// cut ends what was dialled, and dials no more.
func (d *dialer) cut() {
	d.cancel()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.last != nil {
		d.last.Close()
	}
}

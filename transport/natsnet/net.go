// Package natsnet joins the workers of many machines over NATS.
//
// Each worker has three connections of its own: one for tuples, one for acks and
// control, one for stores, so that no ack waits behind tuples, and no lease behind
// acks. Frames go to a subject per worker
// and lane, <prefix>.<cluster>.<worker>.data and .control, without a queue group.
// Stores are JetStream key-value buckets named <prefix>-<name>; a hyphen in the prefix
// itself becomes _- in them, and an underscore __.
//
// The invariant: nothing is kept for later. While a connection is down Send waits;
// what was on its way is lost, and comes neither late nor twice. Frames larger than
// the server's messages are cut, and come whole or not at all.
//
//	net := natsnet.Net{
//		URL:     "tls://nats-1:4222,tls://nats-2:4222",
//		Options: []nats.Option{nats.UserCredentials("worker.creds"), nats.RootCAs("ca.pem")},
//	}
//	err := cluster.Run(ctx, topo, cluster.Worker{Net: net})
//
// The server needs JetStream (nats-server -js). A topology has three buckets,
// <topology>-<version>, <topology>-versions and <topology>-stats behind the prefix; each is made
// where it does not exist. On a NATS cluster of three say Replicas: 3, else the
// stores are gone for as long as the one server that keeps them.
//
// No bucket is ever deleted. Each version of a topology, which is its Fingerprint,
// leaves one, the stream KV_<prefix>-<topology>-<version>. It may be deleted (nats kv
// del) once all workers of that version have ended; who reads stats makes it again,
// empty, while there are reports of that version. The other two are of all versions:
// -versions may go when none runs, and -stats, too, with the counts of all that have
// ended. If the bucket of workers that run is deleted, they join afresh and replay
// what was open.
//
// A user whose rights are limited needs publish and subscribe on <prefix>.>,
// publish on $JS.API.> and $KV.>, and subscribe on its inbox, _INBOX.>. NATS knows no
// rights on the beginning of a bucket's name: whose stores are to be safe from others
// has an account of its own.
package natsnet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/waterspout/waterspout/transport"
)

// A Net opens connections to NATS. It is a plain value; its methods may be called
// from any goroutine.
type Net struct {
	// URL is where a server is, or several with commas between them. A
	// connection without TLS to another host is refused, unless Insecure.
	URL string
	// Prefix begins the names of all subjects and buckets; "waterspout" if
	// empty. Nets of different prefixes share a server and nothing else.
	Prefix string
	// Options say who the worker is and whom it trusts: TLS, credentials, NKey,
	// user and password. Callbacks are called. What says when to give up, what
	// to keep and how to ping is the net's own.
	Options []nats.Option
	// Replicas is how many servers of a NATS cluster keep each bucket; 1 if 0. A
	// bucket that has fewer gets them, one that has more keeps them. Three of
	// three servers outlive the loss of one.
	Replicas int
	// Insecure allows connections to other hosts that everyone on the way can
	// read and change.
	Insecure bool
	// Log gets one line when the server is lost, or not reached, one a minute
	// until it is there, and one then; slog.Default() if nil.
	Log *slog.Logger

	ping time.Duration // of tests; 5 s if 0
}

// Open implements transport.Net. A server that cannot be reached or does not let the
// worker in is tried until ctx ends, and so is a JetStream that does not answer; that
// the account has none, or a server that is of no NATS cluster, is an error at once.
// How often the server was tried in vain is in the worker's Stats, also of later on. It
// does not refuse a name that is in use: both would get its frames.
func (n Net) Open(ctx context.Context, cluster, worker string) (transport.Conn, error) {
	c, err := n.open(ctx, cluster, worker)
	if err != nil {
		return nil, fmt.Errorf("natsnet: %w", err)
	}
	return c, nil
}

func (n Net) open(ctx context.Context, cluster, worker string) (*conn, error) {
	n = n.filled()
	for _, name := range []string{n.Prefix, cluster, worker} {
		if err := transport.CheckName(name); err != nil {
			return nil, err
		}
	}
	urls, err := parse(n.URL)
	if err != nil {
		return nil, err
	}
	options, err := n.options(urls)
	if err != nil {
		return nil, err
	}
	c := newConn(n, hosts(urls), cluster, worker)
	for lane := range wires {
		if c.wires[lane], err = c.dial(ctx, lane, options); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	if err := c.begin(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (n Net) filled() Net {
	if n.Prefix == "" {
		n.Prefix = "waterspout"
	}
	if n.Log == nil {
		n.Log = slog.Default()
	}
	if n.ping == 0 {
		n.ping = 5 * time.Second
	}
	return n
}

// begin asks for JetStream, and has the server take the subscriptions before anyone
// hears of this worker.
func (c *conn) begin(ctx context.Context) error {
	for {
		err := c.try(ctx, func(ctx context.Context) error {
			_, err := c.js().AccountInfo(ctx)
			for _, w := range c.wires {
				if err == nil {
					err = w.nc().FlushWithContext(ctx)
				}
			}
			return err
		})
		switch {
		case err == nil:
			c.outage.over()
			return nil
		case errors.Is(err, jetstream.ErrJetStreamNotEnabled) && alone(c.wires[stores].nc()):
			return fmt.Errorf("the server at %s has no JetStream, which keeps the stores: start it with nats-server -js", c.servers)
		case errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
			return fmt.Errorf("the account at %s has no JetStream, which keeps the stores: give it some in the server's configuration", c.servers)
		}
		perr := c.over(ctx)
		if perr == nil {
			c.failed("JetStream does not answer: trying again", err)
			perr = c.pause(ctx, time.Second)
		}
		if perr != nil {
			return fmt.Errorf("JetStream at %s does not answer: %w: %w", c.servers, perr, err)
		}
	}
}

// alone reports whether the server says that it has no JetStream, and is of no NATS
// cluster either, of which other servers may have it and be away.
func alone(nc *nats.Conn) bool {
	has, _ := nc.ConnectedServerJetStream()
	return nc.IsConnected() && !has && nc.ConnectedClusterName() == ""
}

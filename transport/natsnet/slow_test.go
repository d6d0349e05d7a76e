package natsnet

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/waterspout/waterspout/transport"
)

// TestSlowReader: a watch whose reader takes longer for an entry than a consumer may be
// silent goes on where it is, since its consumer has spoken meanwhile.
func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c := newConn(Net{}.filled(), "", "c", "a")
		s := &store{conn: c, prefix: "$KV.s."}
		to := make(chan transport.Entry)
		w := &watch{store: s, ctx: ctx, to: to, sent: map[string]bool{}, outage: outage{log: s.conn.net.Log}}
		const keys = 40
		r := &round{watch: w, changed: t.Context(), in: make(chan *nats.Msg, 2*keys), next: 1, beginning: beginning{begun: true}}
		for n := range keys {
			r.in <- &nats.Msg{
				Subject: fmt.Sprint(s.prefix, n), Sub: &nats.Subscription{},
				Reply: fmt.Sprintf("$JS.ACK.s.c.1.%d.%d.0.0", n+1, n+1),
			}
			r.in <- &nats.Msg{Header: nats.Header{"Status": {"100"}, "Nats-Last-Consumer": {fmt.Sprint(n + 1)}}}
		}
		over := make(chan error, 1)
		go func() { over <- r.follow() }()
		for n := range keys {
			time.Sleep(silence + time.Second)
			select {
			case e := <-to:
				if e.Revision != uint64(n+1) {
					t.Fatalf("%v in the place of %d", e, n+1)
				}
			case err := <-over:
				t.Fatalf("after %d entries: %v", n, err)
			}
		}
		cancel()
		if err := <-over; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

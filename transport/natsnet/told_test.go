package natsnet

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
)

// TestSubscriptionsRefused: the server takes no more subscriptions, and so a watch hears
// nothing. The server's word for it is in the log.
func TestSubscriptionsRefused(t *testing.T) {
	s := boot(t, &server.Options{MaxSubs: 1})
	var j journal
	c, err := Net{URL: s.ClientURL(), Log: j.log()}.Open(t.Context(), "c", "a")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	store, err := c.Store(t.Context(), "s")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Watch(t.Context()); err != nil {
		t.Fatal(err)
	}
	await(t, func() bool { return strings.Contains(j.String(), "maximum subscriptions exceeded") })
}

// TestSilentWatch: one that hears nothing says so when that comes twice in a row.
func TestSilentWatch(t *testing.T) {
	r := newRig(t)
	var j journal
	w := &round{watch: &watch{store: r.store(r.conn("a")), outage: outage{log: j.log()}}}
	for n, lines := range []int{0, 1, 1, 1} {
		if err := w.silent(); !errors.Is(err, errAnew) || j.lines() != lines {
			t.Errorf("silent %d times: %v; %s", n+1, err, &j)
		}
	}
}

// TestWatchHasItsOutage: a watch cannot begin, since the stream has no consumer left for
// it, while writes succeed, as the renewals of a lease do. That is told once, and that it
// is over when there is a consumer.
func TestWatchHasItsOutage(t *testing.T) {
	r := newRig(t)
	var j journal
	r.Log = j.log()
	c := r.conn("a")
	conf := (&store{conn: c, name: "KV_waterspout-s", prefix: "$KV.waterspout-s."}).config()
	conf.MaxConsumers = 1
	if _, err := c.js().CreateStream(t.Context(), conf); err != nil {
		t.Fatal(err)
	}
	s := r.store(c)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	first, err := s.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	<-first
	second, err := s.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	await(t, func() bool { return j.lines() > 0 })
	revision := uint64(0)
	for range 3 {
		if revision, err = s.Put(t.Context(), "lease.a", []byte("x"), revision); err != nil {
			t.Fatal(err)
		}
	}
	if n := j.lines(); n != 1 || !strings.Contains(j.String(), "a watch of the store does not begin") {
		t.Errorf("%d lines:\n%s", n, &j)
	}
	cancel()
	for name := range s.current().ConsumerNames(t.Context()).Name() { // else the server keeps it for a while
		if err := s.current().DeleteConsumer(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	if e := <-second; e.Key != "lease.a" {
		t.Errorf("%v", e)
	}
	await(t, func() bool { return strings.Contains(j.String(), "the watch of the store has begun") })
	if n := j.lines(); n != 2 || strings.Contains(j.String(), "NATS is reached") {
		t.Errorf("%d lines:\n%s", n, &j)
	}
}

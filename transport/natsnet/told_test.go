package natsnet

import (
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
	r.Log = j.log()
	w := &round{watch: &watch{store: r.store(r.conn("a"))}}
	for n, lines := range []int{0, 1, 1, 1} {
		if err := w.silent(); !errors.Is(err, errAnew) || j.lines() != lines {
			t.Errorf("silent %d times: %v; %s", n+1, err, &j)
		}
	}
}

package natsnet

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/waterspout/waterspout/transport"
)

// TestClosedForGood: an operator has a server that runs take smaller messages. It closes
// the connections over which larger ones come, and the library gives these up. Frames and
// stores go on over others, large ones, too, and the log has the cause.
func TestClosedForGood(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	o := &server.Options{}
	s := boot(t, o)
	var j journal
	opened, err := Net{URL: s.ClientURL(), Log: j.log()}.Open(ctx, "c", "a")
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	c := opened.(*conn)
	store, err := c.Store(ctx, "s")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := store.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	<-entries // the end of an empty beginning
	lower := o.Clone()
	lower.MaxPayload = 256 << 10
	if err := s.ReloadOptions(lower); err != nil {
		t.Fatal(err)
	}
	large := make([]byte, 512<<10)
	for _, lane := range []transport.Lane{transport.Data, transport.Control} {
		_, changed := c.wires[lane].state.get()
		if err := c.Send(ctx, "a", lane, large); err != nil {
			t.Fatal(err)
		}
		<-changed.Done()
		for _, frame := range [][]byte{[]byte("small"), large} {
			if err := c.Send(ctx, "a", lane, frame); err != nil {
				t.Fatal(err)
			}
			if f, err := c.Recv(ctx, lane); err != nil || len(f) != len(frame) {
				t.Errorf("%d bytes in the place of %d: %v", len(f), len(frame), err)
			}
		}
	}
	if _, err := store.Put(ctx, "k", large, 0); !errors.Is(err, nats.ErrMaxPayload) {
		t.Errorf("the store took it: %v", err)
	}
	now, err := store.Put(ctx, "k", []byte("small"), 0)
	if err != nil {
		t.Fatal(err)
	}
	for e := range entries {
		if e.Key == "k" && e.Revision == now {
			break
		}
	}
	if said := j.String(); !strings.Contains(said, "Maximum Payload Violation") || strings.Contains(said, "err=<nil>") {
		t.Errorf("logged %s", said)
	}
}

package natsnet

import (
	"strings"
	"testing"
	"time"

	"github.com/waterspout/waterspout/transport"
)

// TestDropsAreTold: a worker that does not take what arrives, as it would without
// credit, is told within a second that NATS throws frames away, and knows how many;
// what was not thrown away comes, in order, and so does what is sent afterwards.
func TestDropsAreTold(t *testing.T) {
	r := newRig(t)
	r.ping = 0 // it finds no dead connection, however slow this machine is
	var j journal
	r.Log = j.log()
	c := r.conn("a")
	const more = 1000
	for n := range received + more {
		frame := []byte{byte(n), byte(n >> 8), byte(n >> 16)}
		if err := c.Send(t.Context(), "a", transport.Data, frame); err != nil {
			t.Fatal(err)
		}
	}
	await(t, func() bool { return c.Dropped() > 0 })
	noticed := time.Now()
	await(t, func() bool { return strings.Contains(j.String(), "refuses or drops") })
	if took := time.Since(noticed); took > time.Second {
		t.Errorf("it was said after %v", took)
	}
	await(t, func() bool { return c.Dropped() == more })
	if n := j.lines(); n != 1 {
		t.Errorf("%d lines: %s", n, &j)
	}
	for want := range received {
		f, err := c.Recv(t.Context(), transport.Data)
		if err != nil {
			t.Fatal(err)
		}
		if n := int(f[0]) | int(f[1])<<8 | int(f[2])<<16; n != want {
			t.Fatalf("frame %d in the place of %d", n, want)
		}
	}
	if err := c.Send(t.Context(), "a", transport.Data, []byte("last")); err != nil {
		t.Fatal(err)
	}
	if f, err := c.Recv(t.Context(), transport.Data); err != nil || string(f) != "last" {
		t.Errorf("%q, %v", f, err)
	}
}

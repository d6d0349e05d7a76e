package natsnet

import (
	"context"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// TestSecondAddress: a name has two addresses, and what is sent to the first goes nowhere.
// The second one is reached within the time that there is for both.
func TestSecondAddress(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	host, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	d := newDialer(&nats.Options{Dialer: &net.Dialer{
		ControlContext: func(ctx context.Context, _, address string, _ syscall.RawConn) error {
			if !strings.HasPrefix(address, host) {
				<-ctx.Done()
			}
			return ctx.Err()
		},
	}})
	defer d.cut()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	c, err := d.first(ctx, "tcp", []string{"127.0.0.2", host}, port)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

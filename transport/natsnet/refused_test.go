package natsnet

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/waterspout/waterspout/transport"
	"github.com/waterspout/waterspout/transport/natsserver"
)

// await waits until something holds.
func await(t *testing.T, holds func() bool) {
	t.Helper()
	late := time.After(patience)
	for tick := time.Tick(5 * time.Millisecond); !holds(); {
		select {
		case <-tick:
		case <-late:
			t.Fatal("it does not come")
		}
	}
}

// TestRefusedAgain: a worker that was let in loses its connection, and the server that
// comes back has another password, or a certificate that has expired. That is said at
// once, counted, and tried again until it is cured.
func TestRefusedAgain(t *testing.T) {
	pool, good := certificate(t, time.Now().Add(time.Hour))
	expired := certify(t, pool, time.Now().Add(-time.Hour))
	secured := func(c tls.Certificate) natsserver.Options {
		return natsserver.Options{TLS: &tls.Config{Certificates: []tls.Certificate{c}}}
	}
	for _, test := range []struct {
		name      string
		good, bad natsserver.Options
		options   []nats.Option
		says      string
	}{
		{
			name: "password", says: "Authorization Violation",
			good: natsserver.Options{User: "u", Password: "secret"}, bad: natsserver.Options{User: "u", Password: "other"},
			options: []nats.Option{nats.UserInfo("u", "secret")},
		},
		{
			name: "certificate", says: "expired", good: secured(good), bad: secured(expired),
			options: []nats.Option{nats.Secure(&tls.Config{RootCAs: pool})},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			var j journal
			s := serve(t, test.good)
			opened, err := Net{URL: s.URL(), Options: test.options, Log: j.log()}.Open(t.Context(), "c", "a")
			if err != nil {
				t.Fatal(err)
			}
			defer opened.Close()
			c := opened.(*conn)
			if n := c.Failures(); n != 0 {
				t.Errorf("%d attempts failed", n)
			}
			restart := func(o natsserver.Options) {
				s.Close()
				o.Addr = s.Addr()
				s = serve(t, o)
			}
			restart(test.bad)
			await(t, func() bool { return strings.Contains(j.String(), test.says) && c.Failures() > 5 })
			restart(test.good)
			if err := c.Send(t.Context(), "a", transport.Data, []byte("x")); err != nil {
				t.Fatal(err)
			}
			await(t, func() bool { return strings.Contains(j.String(), "NATS is reached") })
			if said := j.String(); j.lines() != 3 || strings.Count(said, test.says) != 1 || strings.Contains(said, "secret") {
				t.Errorf("logged %s", said)
			}
		})
	}
}

package natsnet

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
)

// TestJetStreamAway: of a NATS cluster the servers that have JetStream are away, and one
// without it is there. A worker waits for them, says so once, and ends with its context.
func TestJetStreamAway(t *testing.T) {
	start := func(name string, js bool, routes ...*url.URL) *server.Server {
		t.Helper()
		s, err := server.NewServer(&server.Options{
			ServerName: name, Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
			JetStream: js, StoreDir: t.TempDir(), Routes: routes,
			Cluster: server.ClusterOpts{Name: "duo", Host: "127.0.0.1", Port: server.RANDOM_PORT},
		})
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
		t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
		if !s.ReadyForConnections(patience) {
			t.Fatal("a server does not accept clients")
		}
		return s
	}
	plain := start("plain", false)
	n := Net{URL: plain.ClientURL()}
	if said := fails(t, n, ""); !strings.Contains(said, "JetStream does not answer") {
		t.Errorf("logged %s", said)
	}
	var j journal
	n.Log = j.log()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	opened := make(chan error, 1)
	go func() {
		c, err := n.Open(ctx, "c", "a")
		if err == nil {
			err = c.Close()
		}
		opened <- err
	}()
	await(t, func() bool { return j.lines() > 0 })
	route := &url.URL{Scheme: "nats", Host: plain.ClusterAddr().String()}
	start("one", true, route)
	start("two", true, route)
	if err := <-opened; err != nil {
		t.Error(err)
	}
	if n := j.lines(); n != 2 {
		t.Errorf("logged %s", &j)
	}
}

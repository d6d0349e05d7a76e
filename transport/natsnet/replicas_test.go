package natsnet

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/waterspout/waterspout/transport"
	"github.com/waterspout/waterspout/transport/natsserver"
)

// trio starts a NATS cluster of three servers, and returns their URLs.
func trio(t *testing.T) (all [3]*server.Server, list string) {
	t.Helper()
	var routes []*url.URL
	var ports [len(all)]int
	var held [len(all)]net.Listener // so that all ports differ
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		held[i], ports[i] = l, l.Addr().(*net.TCPAddr).Port
		routes = append(routes, &url.URL{Scheme: "nats", Host: l.Addr().String()})
	}
	for _, l := range held {
		l.Close()
	}
	var urls []string
	for i := range all {
		s, err := server.NewServer(&server.Options{
			ServerName: fmt.Sprint("server-", i), Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
			JetStream: true, StoreDir: t.TempDir(),
			Cluster: server.ClusterOpts{Name: "trio", Host: "127.0.0.1", Port: ports[i]}, Routes: routes,
		})
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
		t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
		all[i] = s
	}
	for _, s := range all {
		if !s.ReadyForConnections(patience) {
			t.Fatal("a server does not accept clients")
		}
		urls = append(urls, s.ClientURL())
	}
	leads := (*server.Server).JetStreamIsLeader
	for tick := time.Tick(5 * time.Millisecond); !slices.ContainsFunc(all[:], leads); {
		<-tick
	}
	return all, strings.Join(urls, ",")
}

// replicas is how many servers keep the bucket of a store, and which of them leads.
func replicas(t *testing.T, s transport.Store) (n int, leader string) {
	t.Helper()
	info := bucket(t, s)
	return info.Config.Replicas, info.Cluster.Leader
}

// copied waits until all that is written is on all servers: a new replica that has not
// heard of the others yet cannot elect one of them.
func copied(t *testing.T, s transport.Store) {
	t.Helper()
	late := func(p *jetstream.PeerInfo) bool { return !p.Current || p.Offline || p.Lag > 0 }
	for tick := time.Tick(5 * time.Millisecond); ; <-tick {
		if c := bucket(t, s).Cluster; c.Leader != "" && len(c.Replicas) == 2 && !slices.ContainsFunc(c.Replicas, late) {
			return
		}
	}
}

func bucket(t *testing.T, s transport.Store) *jetstream.StreamInfo {
	t.Helper()
	open, err := s.(*store).stream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	info, err := open.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// TestReplicas: a bucket is on as many servers as the net says, also one that was made
// when there were fewer, and goes on without the one that led it.
func TestReplicas(t *testing.T) {
	servers, list := trio(t)
	// Three servers elect leaders and copy, beside what else the machine does.
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	defer cancel()
	open := func(worker string, replicas int) transport.Store {
		t.Helper()
		c, err := Net{URL: list, Replicas: replicas}.Open(ctx, "c", worker)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		s, err := c.Store(ctx, "s")
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first := open("a", 0)
	if n, _ := replicas(t, first); n != 1 {
		t.Errorf("%d replicas where nobody asked", n)
	}
	one, err := first.Put(ctx, "k", []byte("1"), 0)
	if err != nil {
		t.Fatal(err)
	}
	second := open("b", 3)
	if n, _ := replicas(t, second); n != 3 {
		t.Fatalf("%d replicas, not 3", n)
	}
	if n, _ := replicas(t, open("c", 0)); n != 3 {
		t.Errorf("%d replicas after a worker that asks for fewer", n)
	}
	two, err := second.Put(ctx, "k", []byte("2"), one)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.Put(ctx, "k", []byte("x"), one); err != transport.ErrConflict {
		t.Errorf("Put at a revision of before: %v", err)
	}
	copied(t, second)
	_, leader := replicas(t, second)
	for _, s := range servers {
		if s.Name() == leader {
			s.Shutdown()
		}
	}
	if e, err := second.Get(ctx, "k"); err != nil || string(e.Value) != "2" || e.Revision != two {
		t.Errorf("without its leader: %q at %d, %v", e.Value, e.Revision, err)
	}
	if _, err := first.Put(ctx, "k", []byte("3"), two); err != nil {
		t.Error(err)
	}
}

// TestReplicasOfOne: a server that is alone has no replicas, and says so at once.
func TestReplicasOfOne(t *testing.T) {
	s := serve(t, natsserver.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := Net{URL: s.URL(), Replicas: 3}.Open(ctx, "c", "a")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	begun := time.Now()
	if _, err := c.Store(ctx, "s"); err == nil || !strings.Contains(err.Error(), "replicas") || ctx.Err() != nil {
		t.Errorf("%v after %s", err, time.Since(begun))
	}
}

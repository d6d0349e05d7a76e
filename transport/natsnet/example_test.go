package natsnet_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/nats-io/nats.go"

	"github.com/waterspout/waterspout/transport"
	"github.com/waterspout/waterspout/transport/natsnet"
	"github.com/waterspout/waterspout/transport/natsserver"
)

// Two workers of a cluster, and a server in the same program.
func Example() {
	server, err := natsserver.Start(natsserver.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	net := natsnet.Net{URL: server.URL()}
	ctx := context.Background()

	a, err := net.Open(ctx, "tweets-3fa2", "a")
	if err != nil {
		log.Fatal(err)
	}
	defer a.Close()
	b, err := net.Open(ctx, "tweets-3fa2", "b")
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()

	if err := a.Send(ctx, "b", transport.Data, []byte("a frame")); err != nil {
		log.Fatal(err)
	}
	frame, err := b.Recv(ctx, transport.Data)
	fmt.Println(string(frame), err)

	store, err := a.Store(ctx, "tweets")
	if err != nil {
		log.Fatal(err)
	}
	if _, err := store.Put(ctx, "leader", []byte("a"), 0); err != nil {
		log.Fatal(err)
	}
	_, err = store.Put(ctx, "leader", []byte("b"), 0)
	fmt.Println("b leads:", !errors.Is(err, transport.ErrConflict))
	// Output:
	// a frame <nil>
	// b leads: false
}

// A server that demands a password. On another host it would be a tls:// URL.
func ExampleNet_password() {
	server, err := natsserver.Start(natsserver.Options{User: "worker", Password: "secret"})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	net := natsnet.Net{
		URL:     server.URL(),
		Options: []nats.Option{nats.UserInfo("worker", "secret")},
	}
	conn, err := net.Open(context.Background(), "tweets-3fa2", "a")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(conn.Close())
	// Output: <nil>
}

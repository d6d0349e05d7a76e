package natsnet

import (
	"context"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/waterspout/waterspout/transport"
)

// TestRights: those that the comment of the package lists are enough.
func TestRights(t *testing.T) {
	s := boot(t, &server.Options{Users: []*server.User{{Username: "u", Password: "p", Permissions: &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: []string{"waterspout.>", "$JS.API.>", "$KV.>"}},
		Subscribe: &server.SubjectPermission{Allow: []string{"waterspout.>", "_INBOX.>"}},
	}}}})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var j journal
	n := Net{URL: s.ClientURL(), Log: j.log(), Options: []nats.Option{nats.UserInfo("u", "p")}}
	opens(t, n)
	c, err := n.Open(ctx, "tweets-3fa2", "a")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	store, err := c.Store(ctx, "tweets-3fa2")
	if err != nil {
		t.Fatal(err)
	}
	now, err := store.Put(ctx, "lease.a", []byte("1"), 0)
	if err != nil {
		t.Fatalf("%v; the log: %s", err, &j)
	}
	entries, err := store.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []transport.Entry{{Key: "lease.a", Revision: now}, {}, {Key: "lease.a"}} {
		if e := <-entries; e.Key != want.Key || e.Revision != want.Revision {
			t.Errorf("%v in the place of %v", e, want)
		}
		if want.Key == "" {
			if err := store.Delete(ctx, "lease.a", now); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := j.lines(); n > 0 {
		t.Errorf("logged %s", &j)
	}
}

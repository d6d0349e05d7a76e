package member_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/internal/member"
)

func TestTwoVersions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		announce := func(name string, v member.Version) *member.Registry {
			conn, store := c.store(name)
			r := member.Announce(store, "tweets", name+"-01", v)
			t.Cleanup(func() { r.Close(t.Context()); conn.Close() })
			return r
		}
		old := member.Version{Fingerprint: "3fa2", Parallelism: map[string]int{"decode": 30, "read": 8, "join": 2}}
		fresh := member.Version{Fingerprint: "81bc", Parallelism: map[string]int{"decode": 20, "read": 8, "parse": 4}}
		a, b := announce("a", old), announce("b", old)
		soon()
		if l := a.Lines(); l != nil {
			t.Errorf("one version: %q", l)
		}
		d := announce("d", fresh)
		want := func(r *member.Registry, lines ...string) {
			t.Helper()
			if got := r.Lines(); !slices.Equal(got, lines) {
				t.Errorf("got  %q\nwant %q", got, lines)
			}
		}
		const difference = "decode x30 there, x20 here; join x2 there, not here; parse x4 here, not there"
		soon()
		want(d, "cluster tweets also runs as 3fa2 (2 workers): "+difference)
		want(a, "cluster tweets also runs as 81bc (1 worker): decode x20 there, x30 here; join x2 here, not there; parse x4 there, not here")
		<-d.Changed()

		time.Sleep(time.Minute) // nothing is said twice
		select {
		case <-d.Changed():
			t.Error("changed, and nothing has")
		default:
		}
		b.Close(t.Context())
		soon()
		want(d, "cluster tweets also runs as 3fa2 (1 worker): "+difference)
		<-d.Changed()
		c.net.Down() // an outage is no news
		time.Sleep(time.Minute)
		c.net.Up()
		time.Sleep(10 * time.Second)
		want(d, "cluster tweets also runs as 3fa2 (1 worker): "+difference)
		c.net.Cut("a")
		time.Sleep(25 * time.Second)
		want(d)
		c.net.Heal("a")
		time.Sleep(10 * time.Second)
		want(d, "cluster tweets also runs as 3fa2 (1 worker): "+difference)
	})
}

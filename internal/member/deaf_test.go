package member_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/internal/assign"
)

const (
	isDeaf = "does not tell what changes"
	hears  = "tells what changes again"
)

// TestDeafLeader: the leader renews its lease, and its watch tells nothing any more, nor
// do those that it opens. Another leads and replaces who dies (A5).
func TestDeafLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		w := c.joinAll("a", "b", "d")
		soon()
		doc := agree(t, w...)
		i := slices.IndexFunc(w, func(w *worker) bool { return w.ID() == doc.Leader })
		w[0], w[i] = w[i], w[0]
		deaf, dead, stays := w[0], w[1], w[2]
		deaf.store.set(func() { deaf.store.dumb = 1000 })
		dead.kill()
		until(t, 2*assign.TTL+time.Second, "planned anew", func() bool { return !stays.Document().Names(dead.ID()) })
		time.Sleep(10 * time.Minute)
		if now := stays.Document(); now.Leader != stays.ID() || !now.Names(deaf.ID()) || deaf.lost() {
			t.Errorf("the new assignment: %+v; lost: %v", now, deaf.lost())
		}
		deaf.store.set(func() {
			if deaf.store.opens > 20 {
				t.Errorf("%d watches in ten minutes", deaf.store.opens)
			}
			deaf.store.dumb = 0
		})
		time.Sleep(time.Minute + 10*time.Second)
		balanced(t, agree(t, deaf, stays), deaf, stays)
		if n, m := c.log.count(isDeaf), c.log.count(hears); n != 1 || m != 1 {
			t.Errorf("%d and %d lines in the log", n, m)
		}
	})
}

// TestDeafAlone: a watch that is opened anew tells all that the former one did not, also
// what is no longer there.
func TestDeafAlone(t *testing.T) {
	for _, deleted := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c := newCluster(t)
			w := c.joinAll("a", "b")
			soon()
			w[0].store.set(func() { w[0].store.dumb = 1 })
			w[1].leave()
			if deleted {
				e, err := w[0].store.Get(t.Context(), "assignment")
				if err == nil {
					err = w[0].store.Delete(t.Context(), e.Key, e.Revision)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(2*assign.TTL + time.Second)
			if w[0].lost() != deleted {
				t.Fatalf("the assignment was deleted: %v, lost: %v", deleted, w[0].lost())
			}
			if !deleted {
				balanced(t, w[0].Document(), w[0])
				if len(w[0].Members()) != 1 {
					t.Errorf("members are %v", w[0].Members())
				}
			}
		})
	}
}

// TestDeafFromBirth: who hears nothing at first joins by its second watch.
func TestDeafFromBirth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.dumb = 1
		begin := time.Now()
		w := c.joinAll("a", "b")
		if took := time.Since(begin); took > 2*assign.TTL {
			t.Errorf("joined after %v", took)
		}
		soon()
		balanced(t, agree(t, w...), w...)
	})
}

// TestNotDeaf: outages, a watch that lags and a worker with much to say are no deafness.
func TestNotDeaf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.lazy = 1500 * time.Millisecond
		w := c.joinAll("a", "b")
		leader := agree(t, w...).Leader
		for i := range 100 {
			switch i % 20 {
			case 5:
				c.net.Down()
			case 15:
				c.net.Up()
			}
			for range 10 {
				w[i%2].say(func(s *assign.Status) { s.Quiet = !s.Quiet })
				time.Sleep(100 * time.Millisecond)
			}
		}
		c.net.Up()
		time.Sleep(5 * time.Second)
		if now := agree(t, w...).Leader; now != leader || c.log.count(isDeaf) > 0 {
			t.Errorf("%s leads, and did %s; %d lines in the log", now, leader, c.log.count(isDeaf))
		}
	})
}

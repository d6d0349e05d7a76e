package member_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/internal/assign"
)

// TestDistant: a distant store, answers of which are lost for a moment. Then the leases
// hold as before: the watch tells what was written, or else it is looked up.
func TestDistant(t *testing.T) {
	for _, c := range []struct {
		trip   time.Duration
		untold bool // who does not lead is not told of his own lease
	}{{280 * time.Millisecond, false}, {600 * time.Millisecond, false}, {280 * time.Millisecond, true}} {
		synctest.Test(t, func(t *testing.T) { distant(t, c.trip, c.untold) })
	}
}

func distant(t *testing.T, trip time.Duration, untold bool) {
	c := newCluster(t)
	c.trip = trip
	w := c.joinAll("a", "b")
	time.Sleep(10 * time.Second)
	doc := agree(t, w...)
	for _, w := range w {
		w.store.set(func() { w.store.deaf = true })
		if untold && w.ID() != doc.Leader {
			w.store.set(func() { w.store.mute = "lease." + w.ID() })
		}
	}
	time.Sleep(assign.Renewal)
	for _, w := range w {
		w.store.set(func() { w.store.deaf = false })
	}
	time.Sleep(3 * time.Second)
	for i := range 300 {
		time.Sleep(200 * time.Millisecond)
		for _, w := range w {
			if w.Doubtful() || w.lost() {
				t.Fatalf("trip %v, untold %v, look %d: %s: doubtful %v, lost %v", trip, untold, i, w.ID(), w.Doubtful(), w.lost())
			}
		}
	}
	if now := agree(t, w...); now.Version != doc.Version {
		t.Errorf("the assignment changed: %+v", now)
	}
	for _, w := range w {
		w.store.set(func() { w.store.mute = "" })
	}
	w = append(w, c.join("d", false))
	time.Sleep(3 * time.Second)
	balanced(t, agree(t, w...), w...)
}

// TestUnansweredLeader: what a leader writes is written, and it gets no answer any more.
// The others see it alive, and would wait for it in vain (A5).
func TestUnansweredLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCluster(t).joinAll("a", "b", "d")
		soon()
		doc := agree(t, w...)
		for i := range w {
			if w[i].ID() == doc.Leader {
				w[0], w[i] = w[i], w[0]
			}
		}
		leader, dead, stays := w[0], w[1], w[2]
		leader.store.set(func() { leader.store.deaf = true })
		time.Sleep(assign.TTL)
		dead.kill()
		until(t, assign.TTL+time.Second, "planned anew", func() bool { return !stays.Document().Names(dead.ID()) })
		if now := stays.Document(); now.Leader != stays.ID() || !now.Names(leader.ID()) {
			t.Errorf("the new assignment: %+v", now)
		}
		leader.store.set(func() { leader.store.deaf = false })
		time.Sleep(2 * time.Second)
		balanced(t, agree(t, leader, stays), leader, stays)
	})
}

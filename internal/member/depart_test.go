package member_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/internal/assign"
	"github.com/waterspout/waterspout/internal/member"
)

// TestJoinEndsWhileNamed: who gives up while a leader is about to name it is a member
// without tasks, or none; it is never lost, which would fail the trees of all.
func TestJoinEndsWhileNamed(t *testing.T) {
	const late = 400 * time.Millisecond // the news reach who joins
	for _, after := range []time.Duration{10, 30, 60, 100, 200, 390, 410} {
		synctest.Test(t, func(t *testing.T) {
			c := newCluster(t)
			w := c.joinAll("a", "b")
			soon()
			before := agree(t, w...)
			c.lazy = late
			conn, store := c.store("d")
			defer conn.Close()
			ctx, cancel := context.WithTimeout(t.Context(), after*time.Millisecond)
			defer cancel()
			m, err := member.Join(ctx, c.config("d", store))
			switch {
			case err == nil:
				doc := m.Document()
				goes(t, m)
				if load(doc)[m.ID()] > 0 && after < 50 { // before the leader plans
					t.Errorf("after %d ms: it leaves, and got tasks", after)
				}
			case !errors.Is(err, context.DeadlineExceeded):
				t.Errorf("after %d ms: %v", after, err)
			}
			time.Sleep(10 * time.Second)
			if doc := agree(t, w...); doc.Lost != before.Lost {
				t.Errorf("after %d ms: a worker was lost: %+v", after, doc)
			}
			balanced(t, agree(t, w...), w...)
		})
	}
}

// TestJoinEndsWhileTheLeaderLeaves: nor is who gives up just when the lead is free, and does
// not vanish as one who leads.
func TestJoinEndsWhileTheLeaderLeaves(t *testing.T) {
	for n := range 60 {
		after, lazy := n%30, []time.Duration{100, 140}[n/30]*time.Millisecond
		synctest.Test(t, func(t *testing.T) {
			c := newCluster(t)
			c.lazy, c.trip = lazy, 40*time.Millisecond
			w := c.joinAll("a", "b", "d")
			time.Sleep(time.Second)
			c.lazy = 50 * time.Millisecond // who joins is the first to hear
			before := agree(t, w...)
			first := slices.IndexFunc(w, func(w *worker) bool { return w.ID() == before.Leader })
			leader, others := w[first], slices.Delete(slices.Clone(w), first, first+1)
			conn, store := c.store("e")
			defer conn.Close()
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(after)*5*time.Millisecond)
			defer cancel()
			context.AfterFunc(ctx, func() { leader.say(func(s *assign.Status) { s.Leaving = true }) })
			if m, err := member.Join(ctx, c.config("e", store)); err == nil {
				goes(t, m)
			}
			<-leader.Lost()
			leader.leave()
			time.Sleep(10 * time.Second)
			if doc := agree(t, others...); doc.Lost != before.Lost {
				t.Errorf("news take %v, after %d: a worker was lost: %+v", lazy, after, doc)
			}
			balanced(t, agree(t, others...), others...)
		})
	}
}

// goes leaves as a worker without tasks does.
func goes(t *testing.T, m *member.Member) {
	t.Helper()
	for let := false; !let; {
		m.Report(assign.Status{Applied: m.Document().Version, Leaving: true})
		select {
		case <-m.Changed():
		case <-m.Lost():
			let = true
		}
	}
	if err := m.Leave(t.Context()); err != nil {
		t.Error(err)
	}
}

package member_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/internal/assign"
)

// TestChurn: whatever comes and goes, in the end those who are left have everything.
func TestChurn(t *testing.T) {
	for seed := range 20 {
		synctest.Test(t, func(t *testing.T) { churn(t, uint64(seed)) })
	}
}

// churn lets workers come, crash, leave, lose their net and come back, at random, and
// then waits until all is quiet. Who is lost joins afresh.
func churn(t *testing.T, seed uint64) {
	c := newCluster(t)
	c.ends = true
	random := rand.New(rand.NewPCG(seed, 1))
	w := c.joinAll("w0", "w1", "w2")
	born := len(w)
	for range 30 {
		time.Sleep(time.Duration(random.IntN(2000)) * time.Millisecond)
		w = slices.DeleteFunc(w, func(w *worker) bool {
			gone := w.lost() && random.IntN(2) == 0
			if gone {
				w.leave()
			}
			return gone
		})
		owners(t, c, w)
		if len(w) < 3 || len(w) < 6 && random.IntN(3) == 0 {
			w = append(w, c.join(fmt.Sprintf("w%d", born), false))
			born++
			continue
		}
		switch i := random.IntN(len(w)); random.IntN(5) {
		case 0:
			w[i].kill()
			w = slices.Delete(w, i, i+1)
		case 1:
			w[i].say(func(s *assign.Status) { s.Leaving = true })
		case 2:
			c.net.Cut(w[i].name)
			time.Sleep(time.Duration(random.IntN(6000)) * time.Millisecond)
			c.net.Heal(w[i].name)
		case 3:
			c.net.Down()
			time.Sleep(time.Duration(random.IntN(6000)) * time.Millisecond)
			c.net.Up()
		case 4:
			// A quiet moment.
		}
	}
	w = append(w, c.join("last", false))
	time.Sleep(20 * time.Second)
	w = slices.DeleteFunc(w, func(w *worker) bool {
		gone := w.lost() || slices.ContainsFunc(w.Members(), func(m assign.Member) bool { return m.ID == w.ID() && m.Leaving })
		if gone {
			w.leave()
		}
		return gone
	})
	time.Sleep(5 * time.Second)
	doc := agree(t, w...)
	balanced(t, doc, w...)
	for i, s := range doc.Tasks {
		if s.Prev != (assign.Placement{}) {
			t.Errorf("seed %d: task %d still moves: %+v", seed, i, s)
		}
	}
}

// owners fails if two workers, none of which doubts its lease, may run a spout task by
// the document that each has.
func owners(t *testing.T, c *cluster, w []*worker) {
	t.Helper()
	for task, kind := range shape {
		var who []string
		for _, w := range w {
			if kind.Spout && !w.lost() && !w.Doubtful() && w.Document().Runs(w.ID(), task, kind) {
				who = append(who, w.ID())
			}
		}
		if len(who) > 1 {
			t.Errorf("spout task %d runs on %v", task, who)
		}
	}
}

package member_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/internal/assign"
)

func TestThreeJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		w := newCluster(t).joinAll("a", "b", "c")
		if took := time.Since(begin); took < time.Second || took > 2*time.Second {
			t.Errorf("they joined after %v, and the founder gathers for a second", took)
		}
		soon()
		doc := agree(t, w...)
		balanced(t, doc, w...)
		if doc.Version != 1 {
			t.Errorf("it took %d documents to place what could be placed at once", doc.Version)
		}
		if len(w[0].Members()) != 3 {
			t.Errorf("members are %v", w[0].Members())
		}
	})
}

func TestKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCluster(t).joinAll("a", "b", "c")
		soon()
		for _, leader := range []bool{false, true} {
			doc := agree(t, w...)
			i := slices.IndexFunc(w, func(w *worker) bool { return (w.ID() == doc.Leader) == leader })
			dead := w[i]
			dead.kill()
			w = slices.Delete(w, i, i+1)
			took := until(t, assign.TTL+200*time.Millisecond, "planned anew", func() bool {
				return w[0].Document().Version > doc.Version
			})
			if took < time.Second {
				t.Errorf("planned anew after %v (leader killed: %v)", took, leader)
			}
			soon()
			balanced(t, agree(t, w...), w...)
			if e, err := w[0].store.Get(t.Context(), "lease."+dead.ID()); err != nil || e.Revision != 0 {
				t.Errorf("the lease of who is lost: %+v, %v", e, err)
			}
		}
	})
}

// TestKilledAlone: a leader with nobody else to wake it finds a loss in time.
func TestKilledAlone(t *testing.T) {
	for phase := range 10 {
		synctest.Test(t, func(t *testing.T) {
			c := newCluster(t)
			a, b := c.join("a", false), c.join("b", false)
			time.Sleep(5*time.Second + time.Duration(phase)*100*time.Millisecond)
			a.say(func(s *assign.Status) { s.Quiet = true }) // now it renews at another time than b
			time.Sleep(5 * time.Second)
			b.kill()
			until(t, assign.TTL+time.Second, "planned anew", func() bool { return !a.Document().Names(b.ID()) })
			if silence := time.Since(b.store.sent); silence > assign.TTL+100*time.Millisecond {
				t.Errorf("planned anew after %v of silence", silence)
			}
		})
	}
}

// TestLeave: what leaves is moved, spout tasks when their former instances have ended;
// then the worker is none any more.
func TestLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCluster(t).joinAll("a", "b", "c")
		soon()
		doc := agree(t, w...)
		i := slices.IndexFunc(w, func(w *worker) bool { return w.ID() == doc.Tasks[0].Worker })
		gone, stay := w[i], slices.Delete(slices.Clone(w), i, i+1)
		gone.mu.Lock()
		gone.slow = true
		gone.mu.Unlock()
		gone.say(func(s *assign.Status) { s.Leaving = true })
		soon()
		moving := agree(t, w...)
		if s := moving.Tasks[0]; s.Worker == gone.ID() || s.Prev != doc.Tasks[0].Placement {
			t.Fatalf("the spout task: %+v, before: %+v", s, doc.Tasks[0])
		}
		balanced(t, moving, stay...)
		time.Sleep(10 * time.Second)
		if late := agree(t, w...); late.Tasks[0] != moving.Tasks[0] {
			t.Fatalf("without its word: %+v", late.Tasks[0])
		}
		gone.say(func(s *assign.Status) { s.Applied = moving.Version })
		soon()
		if s := agree(t, w...).Tasks[0]; s.Prev != (assign.Placement{}) || gone.lost() {
			t.Errorf("it has ended the spout task: %+v, lost %v", s, gone.lost())
		}
		gone.say(func(s *assign.Status) { s.Applied = gone.Document().Version })
		soon()
		if !gone.lost() {
			t.Error("it handed over everything and is still a member")
		}
		gone.leave()
		soon()
		after := agree(t, stay...)
		if s := after.Tasks[0]; s.Prev != (assign.Placement{}) || after.Names(gone.ID()) || after.Lost != 0 {
			t.Errorf("after it has gone: %+v", after)
		}
		if len(stay[0].Members()) != 2 {
			t.Errorf("members are %v", stay[0].Members())
		}
		balanced(t, after, stay...)
	})
}

// TestLeaderLeaves: the lead goes to one who stays, before the leader has gone.
func TestLeaderLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCluster(t).joinAll("a", "b", "c")
		soon()
		doc := agree(t, w...)
		i := slices.IndexFunc(w, func(w *worker) bool { return w.ID() == doc.Leader })
		w[0], w[i] = w[i], w[0]
		for _, w := range w {
			w.mu.Lock()
			w.slow = true
			w.mu.Unlock()
		}
		for _, w := range w[:2] {
			w.say(func(s *assign.Status) { s.Leaving = true })
		}
		soon()
		if doc = agree(t, w...); doc.Leader != w[2].ID() {
			t.Errorf("%s leads, and %s stays", doc.Leader, w[2].ID())
		}
		for _, w := range w {
			w.mu.Lock()
			w.slow = false
			w.mu.Unlock()
			w.apply()
		}
		for _, w := range w[:2] {
			until(t, time.Second, "handed over", w.lost)
			w.leave()
		}
		balanced(t, w[2].Document(), w[2])
	})
}

// TestLeadersLeave: who took the lead leaves just after, and the one who stays had
// tried for the lead at the same time.
func TestLeadersLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCluster(t).joinAll("a", "b", "c")
		soon()
		doc := agree(t, w...)
		i := slices.IndexFunc(w, func(w *worker) bool { return w.ID() == doc.Leader })
		w[0], w[i] = w[i], w[0]
		next, stays := w[1], w[2]
		for _, w := range w[:2] {
			w.mu.Lock()
			w.slow = true
			w.mu.Unlock()
		}
		late := make(chan struct{})
		stays.store.set(func() { stays.store.hang = late })
		w[0].say(func(s *assign.Status) { s.Leaving = true })
		synctest.Wait() // the next has the lead; the other's attempt is on its way
		stays.store.set(func() { stays.store.hang = nil })
		close(late)
		synctest.Wait()
		next.say(func(s *assign.Status) { s.Leaving = true })
		soon()
		if doc = agree(t, w...); doc.Leader != stays.ID() {
			t.Errorf("%s leads, and %s stays", doc.Leader, stays.ID())
		}
	})
}

func TestAllLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		w := c.joinAll("a", "b")
		soon()
		nonce := agree(t, w...).Nonce
		w[1].mu.Lock()
		w[1].slow = true
		w[1].mu.Unlock()
		for _, w := range w {
			w.say(func(s *assign.Status) { s.Leaving = true })
		}
		soon()
		if doc := agree(t, w...); !doc.Drain || doc.End {
			t.Fatalf("all leave: drain %v, end %v", doc.Drain, doc.End)
		}
		w[1].say(func(s *assign.Status) { s.Quiet = true })
		soon()
		if doc := agree(t, w...); !doc.Drain || !doc.End {
			t.Fatalf("all are quiet: drain %v, end %v", doc.Drain, doc.End)
		}
		joined := make(chan *worker)
		go func() { joined <- c.join("late", false) }()
		soon()
		for _, w := range w {
			w.leave()
		}
		late := <-joined
		if doc := late.Document(); doc.Nonce == nonce || doc.Drain || doc.End || len(doc.Workers) != 1 {
			t.Errorf("who came late: %+v", doc)
		}
	})
}

// TestDown: the store away for a minute changes nothing, and then all goes on.
func TestDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		w := c.joinAll("a", "b", "c")
		soon()
		doc := agree(t, w...)
		c.net.Down()
		time.Sleep(2100 * time.Millisecond)
		for range 60 {
			for _, w := range w {
				if !w.Doubtful() || w.lost() {
					t.Fatalf("%s: doubtful %v, lost %v", w.ID(), w.Doubtful(), w.lost())
				}
			}
			time.Sleep(time.Second)
		}
		c.net.Up()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		for _, w := range w {
			if w.Doubtful() || w.lost() {
				t.Errorf("%s: doubtful %v, lost %v", w.ID(), w.Doubtful(), w.lost())
			}
		}
		if now := agree(t, w...); now.Version != doc.Version {
			t.Errorf("the assignment changed: %+v", now)
		}
		for _, line := range []string{"coordination is away", "coordination is back"} {
			if n := c.log.count(line); n != len(w) {
				t.Errorf("%d times in the log: %s", n, line)
			}
		}
		w = append(w, c.join("d", false))
		soon()
		balanced(t, agree(t, w...), w...)
	})
}

// TestDownAndDead: who dies while the store is away is found dead after it is back.
func TestDownAndDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		w := c.joinAll("a", "b", "c")
		soon()
		c.net.Down()
		time.Sleep(30 * time.Second)
		w[0].kill()
		time.Sleep(30 * time.Second)
		c.net.Up()
		until(t, assign.TTL+time.Second, "planned anew", func() bool { return !w[1].Document().Names(w[0].ID()) })
		soon()
		balanced(t, agree(t, w[1:]...), w[1:]...)
	})
}

func TestWiped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		w := c.joinAll("a", "b", "c")
		soon()
		nonce := agree(t, w...).Nonce
		c.net.Wipe()
		for _, w := range w {
			until(t, 2*time.Second, "lost", w.lost)
			w.leave()
		}
		w = c.joinAll("a", "b", "c")
		soon()
		doc := agree(t, w...)
		if doc.Nonce == nonce {
			t.Error("the same nonce after the store was wiped (rule G3)")
		}
		balanced(t, doc, w...)
	})
}

// TestPaused: a store that hangs for one worker alone, whatever the context. When it
// wakes its place is taken, and it knows that.
func TestPaused(t *testing.T) {
	for _, cut := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c := newCluster(t)
			w := c.joinAll("a", "b", "c")
			soon()
			hang := make(chan struct{})
			if cut {
				c.net.Cut("a")
			} else {
				w[0].store.set(func() { w[0].store.hang = hang })
			}
			paused := time.Now()
			doubted := until(t, 3*time.Second+100*time.Millisecond, "doubtful", w[0].Doubtful)
			until(t, 4*time.Second, "planned anew", func() bool { return !w[1].Document().Names(w[0].ID()) })
			if took := time.Since(paused); took <= doubted {
				t.Errorf("others took over after %v, and it doubted after %v", took, doubted)
			}
			time.Sleep(5 * time.Second)
			if w[0].lost() {
				t.Error("it cannot know that it is lost")
			}
			if cut {
				c.net.Heal("a")
			} else {
				w[0].store.set(func() { w[0].store.hang = nil })
				close(hang)
			}
			until(t, 2*time.Second, "lost", w[0].lost)
			w[0].leave()
			w[0] = c.join("a", false)
			soon()
			balanced(t, agree(t, w...), w...)
		})
	}
}

// TestDeadCluster: leases of dead workers are seen dead before a cluster is founded;
// instances go on.
func TestDeadCluster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		w := c.joinAll("a", "b")
		soon()
		old := agree(t, w...)
		for _, w := range w {
			w.kill()
		}
		begin := time.Now()
		w = c.joinAll("c", "d")
		if took := time.Since(begin); took < assign.TTL || took > assign.TTL+time.Second {
			t.Errorf("joined after %v", took)
		}
		soon()
		doc := agree(t, w...)
		if doc.Nonce == old.Nonce || doc.Tasks[0].Instance < old.Next || doc.Version <= old.Version {
			t.Errorf("from %+v to %+v", old, doc)
		}
		balanced(t, doc, w...)
	})
}

// TestIdle: one Put a second, and nothing else.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCluster(t).joinAll("a", "b", "c")
		time.Sleep(5500 * time.Millisecond)
		for _, w := range w {
			puts, other := w.store.counts()
			time.Sleep(time.Minute)
			morePuts, moreOther := w.store.counts()
			if morePuts-puts != 60 || moreOther != other {
				t.Errorf("in a minute %d puts and %d other calls", morePuts-puts, moreOther-other)
			}
		}
	})
}

// TestLostAnswers: what was written is written, whether or not the answer came.
func TestLostAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		w := c.joinAll("a", "b")
		soon()
		for _, w := range w {
			w.store.set(func() { w.store.deaf = true })
		}
		d := c.join("d", false)
		if d == nil {
			t.FailNow()
		}
		time.Sleep(20 * time.Second)
		for _, w := range w {
			w.store.set(func() { w.store.deaf = false })
		}
		time.Sleep(2 * time.Second)
		w = append(w, d)
		balanced(t, agree(t, w...), w...)
		for _, w := range w {
			if w.lost() || w.Doubtful() {
				t.Errorf("%s: lost %v, doubtful %v", w.ID(), w.lost(), w.Doubtful())
			}
		}
	})
}

// TestSkips: a watch that tells the last change of each key alone, and late.
func TestSkips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.lazy = 700 * time.Millisecond
		w := c.joinAll("a", "b", "c")
		w = append(w, c.join("d", false))
		time.Sleep(10 * time.Second)
		balanced(t, agree(t, w...), w...)
		w[0].kill()
		w = w[1:]
		time.Sleep(10 * time.Second)
		balanced(t, agree(t, w...), w...)
		for _, w := range w {
			if w.lost() {
				t.Errorf("%s is lost", w.ID())
			}
		}
	})
}

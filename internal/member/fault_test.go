package member_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/internal/assign"
	"github.com/waterspout/waterspout/internal/member"
	"github.com/waterspout/waterspout/transport"
)

// meddler is a store by which tests write what no member would.
func (c *cluster) meddler() (transport.Store, func()) {
	conn, store := c.store("meddler")
	return store, func() { conn.Close() }
}

func put(t *testing.T, store transport.Store, key, value string) {
	t.Helper()
	e, err := store.Get(t.Context(), key)
	if err == nil {
		_, err = store.Put(t.Context(), key, []byte(value), e.Revision)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestNonsense: what makes no sense is told once and is nobody.
func TestNonsense(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		store, done := c.meddler()
		defer done()
		put(t, store, "lease.x", "{")
		put(t, store, "lease.y", `{"counter":1,"done":[{"t":99,"i":1}],"nonce":"5","host":"y"}`)
		put(t, store, "leader", "nobody")
		put(t, store, "assignment", `{"nonce":"1","version":1,"next":1,"tasks":[]}`)
		put(t, store, "other", "thing")
		w := c.joinAll("a", "b")
		soon()
		doc := agree(t, w...)
		balanced(t, doc, w...)
		if n := c.log.count("makes no sense"); n != 2*len(w) {
			t.Errorf("%d lines in the log", n)
		}
		time.Sleep(5 * time.Second)
		put(t, store, "assignment", "gone")
		for _, w := range w {
			until(t, 5*time.Second, "lost", w.lost) // a new life begins
			w.leave()
		}
		w = c.joinAll("a", "b")
		soon()
		if now := agree(t, w...); now.Nonce == doc.Nonce {
			t.Error("the same nonce after the document was destroyed")
		}
	})
}

// TestNonsenseOverLease: who is alive writes over it, and who is dead is replaced.
func TestNonsenseOverLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		w := c.joinAll("a", "b", "d", "e")
		soon()
		store, done := c.meddler()
		defer done()
		w[3].kill()
		for _, w := range w[2:] {
			put(t, store, "lease."+w.ID(), "{")
		}
		time.Sleep(assign.TTL + time.Second)
		balanced(t, agree(t, w[:3]...), w[:3]...)
		for _, w := range w[:3] {
			if w.Doubtful() || w.lost() {
				t.Errorf("%s: doubtful %v, lost %v", w.ID(), w.Doubtful(), w.lost())
			}
		}
	})
}

// TestRestored: an assignment that goes back, as one of a backup does, ends the life
// of the cluster: its instances are used already (rule G3).
func TestRestored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		w := c.joinAll("a", "b")
		soon()
		old := agree(t, w...)
		w = append(w, c.join("d", false))
		soon()
		store, done := c.meddler()
		defer done()
		put(t, store, "assignment", string(old.Encode()))
		for _, w := range w {
			until(t, time.Second, "lost", w.lost)
			w.leave()
		}
		w = c.joinAll("a", "b", "d")
		soon()
		doc := agree(t, w...)
		if doc.Nonce == old.Nonce {
			t.Error("the same nonce")
		}
		balanced(t, doc, w...)
	})
}

// TestDeleted: somebody deletes a lease, or the assignment.
func TestDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		w := c.joinAll("a", "b")
		soon()
		store, done := c.meddler()
		defer done()
		remove := func(key string) {
			e, err := store.Get(t.Context(), key)
			if err == nil {
				err = store.Delete(t.Context(), key, e.Revision)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		remove("lease." + w[0].ID())
		soon()
		if !w[0].lost() || w[1].lost() {
			t.Fatalf("lost: %v, %v", w[0].lost(), w[1].lost())
		}
		balanced(t, w[1].Document(), w[1])
		remove("assignment")
		soon()
		if !w[1].lost() {
			t.Error("the assignment was deleted, and it goes on")
		}
	})
}

// TestDeletedAlone: nobody is there who would tell it by a new document.
func TestDeletedAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		w := c.join("a", false)
		soon()
		e, err := w.store.Get(t.Context(), "lease."+w.ID())
		if err == nil {
			err = w.store.Delete(t.Context(), e.Key, e.Revision)
		}
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if !w.lost() {
			t.Error("the lease was deleted, and it goes on")
		}
	})
}

// TestAnotherLife: a document of another life, whatever its version, ends this one
// (rule G3).
func TestAnotherLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		w := c.join("a", false)
		soon()
		doc := w.Document()
		doc.Nonce++
		doc.Version += 7
		put(t, w.store, "assignment", string(doc.Encode()))
		synctest.Wait()
		if !w.lost() || w.Document().Nonce == doc.Nonce {
			t.Errorf("another nonce: lost %v, and it follows %+v", w.lost(), w.Document())
		}
	})
}

// TestStale: while its lease is lost by its own clock, a member takes no document
// over: what it says may be over.
func TestStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		w := c.join("a", false)
		soon()
		doc := w.Document()
		w.store.set(func() { w.store.down = true })
		time.Sleep(assign.TTL + time.Second)
		other, done := c.meddler()
		defer done()
		next := doc
		next.Version++
		put(t, other, "assignment", string(next.Encode()))
		time.Sleep(10 * time.Second)
		if got := w.Document(); got.Version != doc.Version || w.lost() {
			t.Errorf("version %d was taken over, lost %v", got.Version, w.lost())
		}
		w.store.set(func() { w.store.down = false })
		time.Sleep(time.Second)
		if got := w.Document(); got.Version != next.Version || w.lost() {
			t.Errorf("with a lease again it is at version %d, lost %v", got.Version, w.lost())
		}
	})
}

// TestDoubtFromSending: the lease is as old as the sending of its last renewal, not as
// the answer.
func TestDoubtFromSending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		w := c.join("a", false)
		w.store.set(func() { w.store.delay = 900 * time.Millisecond })
		time.Sleep(10 * time.Second)
		w.store.set(func() { w.store.down = true })
		time.Sleep(time.Second) // the last answer is there
		var sent time.Time
		w.store.set(func() { sent = w.store.sent })
		until(t, 3*time.Second, "doubtful", w.Doubtful)
		if age := time.Since(sent); age > assign.Doubt+20*time.Millisecond {
			t.Errorf("doubtful after %v", age)
		}
	})
}

// TestWrongJudge: a leader that does not hear of one who is alive cannot put him out.
func TestWrongJudge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		w := c.joinAll("a", "b")
		soon()
		doc := agree(t, w...)
		leader, other := w[0], w[1]
		if doc.Leader == other.ID() {
			leader, other = other, leader
		}
		leader.store.set(func() { leader.store.mute = "lease." + other.ID() })
		time.Sleep(10 * time.Second)
		if now := agree(t, w...); now.Version != doc.Version || other.lost() {
			t.Errorf("put out: %+v", now)
		}
		leader.store.set(func() { leader.store.mute = "" })
		time.Sleep(10 * time.Second)
		if now := agree(t, w...); now.Version != doc.Version || other.lost() {
			t.Errorf("put out: %+v", now)
		}
	})
}

// TestWrongJudgeOfOne: that it cannot put him out does not keep a leader from replacing
// another, who is dead.
func TestWrongJudgeOfOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		w := c.joinAll("a", "b", "d")
		soon()
		leader := agree(t, w...).Leader
		i := slices.IndexFunc(w, func(w *worker) bool { return w.ID() == leader })
		rest := slices.Delete(slices.Clone(w), i, i+1)
		slices.SortFunc(rest, func(a, b *worker) int { return strings.Compare(a.ID(), b.ID()) })
		unheard, dead := rest[0], rest[1] // in the order in which they are put out
		w[i].store.set(func() { w[i].store.mute = "lease." + unheard.ID() })
		dead.kill()
		time.Sleep(2 * assign.TTL)
		balanced(t, agree(t, w[i], unheard), w[i], unheard)
		if unheard.lost() {
			t.Error("who was not heard is put out")
		}
	})
}

// TestClosedConn: without its connection a member is none.
func TestClosedConn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		w := c.join("a", false)
		w.conn.Close()
		until(t, 2*time.Second, "lost", w.lost)
		conn, store := c.store("b")
		conn.Close()
		if _, err := member.Join(t.Context(), c.config("b", store)); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("join over a closed connection: %v", err)
		}
	})
}

// TestJoinEnds: a join that cannot succeed ends with its context, and leaves nothing.
func TestJoinEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		conn, store := c.store("a")
		defer conn.Close()
		c.net.Down()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := member.Join(ctx, c.config("a", store)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("down: %v", err)
		}
		c.net.Up()
		ctx, cancel = context.WithTimeout(t.Context(), assign.Renewal/2)
		defer cancel()
		if _, err := member.Join(ctx, c.config("a", store)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("before it is founded: %v", err)
		}
		m, err := member.Join(t.Context(), c.config("a", store))
		if err != nil {
			t.Fatal(err)
		}
		if len(m.Members()) != 1 {
			t.Errorf("something is left: %v", m.Members())
		}
		if err := m.Leave(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := member.Join(t.Context(), c.config("a.b*", store)); err == nil {
			t.Error("a bad name is accepted")
		}
	})
}

// TestLostWhileJoining: who is taken for dead before it was named joins again.
func TestLostWhileJoining(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		store, done := c.meddler()
		defer done()
		joined := make(chan *worker)
		go func() { joined <- c.join("a", false) }()
		time.Sleep(assign.Renewal / 2)
		watching, stop := context.WithCancel(t.Context())
		entries, err := store.Watch(watching)
		if err != nil {
			t.Fatal(err)
		}
		e := <-entries
		stop()
		if err := store.Delete(t.Context(), e.Key, e.Revision); err != nil {
			t.Fatal(err)
		}
		if w := <-joined; "lease."+w.ID() == e.Key {
			t.Error("joined under an id whose lease was deleted")
		}
	})
}

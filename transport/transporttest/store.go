package transporttest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/waterspout/waterspout/transport"
)

func (k *kit) store(c transport.Conn, name string) transport.Store {
	k.Helper()
	s, err := c.Store(k.ctx, name)
	if err != nil {
		k.Fatalf("Store %s: %v", name, err)
	}
	return s
}

func (k *kit) put(s transport.Store, key, value string, revision uint64) uint64 {
	k.Helper()
	now, err := s.Put(k.ctx, key, []byte(value), revision)
	if err != nil {
		k.Fatalf("Put %s at %d: %v", key, revision, err)
	}
	if now <= revision {
		k.Fatalf("Put %s: revision %d after %d", key, now, revision)
	}
	return now
}

func (k *kit) del(s transport.Store, key string, revision uint64) {
	k.Helper()
	if err := s.Delete(k.ctx, key, revision); err != nil {
		k.Fatalf("Delete %s at %d: %v", key, revision, err)
	}
}

// holds fails unless key has that value and revision; revision 0 is none.
func (k *kit) holds(s transport.Store, key, value string, revision uint64) {
	k.Helper()
	e, err := s.Get(k.ctx, key)
	if err != nil {
		k.Fatalf("Get %s: %v", key, err)
	}
	if e.Key != key || string(e.Value) != value || e.Revision != revision || (e.Value == nil) != (revision == 0) {
		k.Fatalf("Get %s: %q %q at %d, not %q at %d", key, e.Key, e.Value, e.Revision, value, revision)
	}
}

func (k *kit) conflicts(s transport.Store, key string, revision uint64) {
	k.Helper()
	if _, err := s.Put(k.ctx, key, []byte("no"), revision); !errors.Is(err, transport.ErrConflict) {
		k.Fatalf("Put %s at %d: %v, not a conflict", key, revision, err)
	}
	if err := s.Delete(k.ctx, key, revision); !errors.Is(err, transport.ErrConflict) {
		k.Fatalf("Delete %s at %d: %v, not a conflict", key, revision, err)
	}
}

func testStore(t *testing.T, k *kit) {
	a, b := k.pair()
	s, other := k.store(a, "s"), k.store(b, "s")
	k.holds(s, "k", "", 0)
	k.del(s, "k", 0) // what is not there is deleted
	if _, err := s.Put(k.ctx, "k", nil, 7); !errors.Is(err, transport.ErrConflict) {
		t.Errorf("Put at a revision that never was: %v", err)
	}
	one := k.put(s, "k", "one", 0)
	k.holds(s, "k", "one", one)
	k.holds(other, "k", "one", one)
	k.conflicts(other, "k", 0)
	two := k.put(other, "k", "two", one)
	k.conflicts(s, "k", one)
	k.conflicts(s, "k", two+1)
	k.holds(s, "k", "two", two)
	if elsewhere := k.put(s, "a.long-key_1", "x", 0); elsewhere <= two {
		t.Errorf("revisions of a store do not grow: %d after %d", elsewhere, two)
	}
	k.del(s, "k", two)
	k.holds(other, "k", "", 0)
	k.conflicts(other, "k", two)
	k.del(other, "k", 0)
	three := k.put(other, "k", "three", 0)
	if three <= two {
		t.Errorf("revision %d after a delete at %d", three, two)
	}
	k.conflicts(s, "k", 0)
	k.holds(s, "k", "three", three)
	empty := k.put(s, "k", "", three) // there, and empty
	k.holds(s, "k", "", empty)
	for i, last := 0, empty; i < 50; i++ { // reads see one's own writes
		last = k.put(s, "k", fmt.Sprint(i), last)
		k.holds(s, "k", fmt.Sprint(i), last)
	}
	big := strings.Repeat("x", 200<<10)
	k.holds(s, "big", big, k.put(s, "big", big, 0))
}

// testStoreNames: stores of different names are different, those of one name are one
// for all clusters. Keys are checked.
func testStoreNames(t *testing.T, k *kit) {
	a, b := k.open("c", "a"), k.open("d", "b")
	s, same, other := k.store(a, "s"), k.store(b, "s"), k.store(a, "s-1")
	one := k.put(s, "k", "one", 0)
	k.holds(same, "k", "one", one)
	k.holds(other, "k", "", 0)
	k.put(other, "k", "two", 0)
	k.holds(same, "k", "one", one)
	for _, key := range []string{"", ".", "a.", ".a", "a..b", "*", "a.>", "a b", "a/b", "ä", strings.Repeat("x", 129)} {
		if _, err := s.Put(k.ctx, key, nil, 0); err == nil {
			t.Errorf("Put takes key %q", key)
		}
		if _, err := s.Get(k.ctx, key); err == nil {
			t.Errorf("Get takes key %q", key)
		}
		if err := s.Delete(k.ctx, key, 0); err == nil {
			t.Errorf("Delete takes key %q", key)
		}
	}
}

// testStoreRace: of several that change a key at one revision, one does.
func testStoreRace(t *testing.T, k *kit) {
	const workers, each = 4, 10
	var stores []transport.Store
	var group sync.WaitGroup
	var mu sync.Mutex
	for i := range workers { // several make the store at once
		c := k.open("c", fmt.Sprintf("w%d", i))
		group.Go(func() {
			s, err := c.Store(k.ctx, "s")
			if err != nil {
				t.Errorf("Store: %v", err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			stores = append(stores, s)
		})
	}
	group.Wait()
	var won, bad atomic.Int32
	for _, s := range stores {
		group.Go(func() {
			switch _, err := s.Put(k.ctx, "leader", []byte("me"), 0); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, transport.ErrConflict):
				bad.Add(1)
				t.Errorf("Put: %v", err)
			}
		})
		group.Go(func() { count(k, s, each) })
	}
	group.Wait()
	if won.Load() != 1 || bad.Load() > 0 {
		t.Errorf("%d of %d made the key", won.Load(), workers)
	}
	if e, err := stores[0].Get(k.ctx, "count"); err != nil || string(e.Value) != fmt.Sprint(workers*each) {
		t.Errorf("counted to %s, %v", e.Value, err)
	}
}

// count raises the number under a key n times.
func count(k *kit, s transport.Store, n int) {
	for range n {
		for err := transport.ErrConflict; err != nil; {
			e, gerr := s.Get(k.ctx, "count")
			old, _ := strconv.Atoi(string(e.Value))
			_, err = s.Put(k.ctx, "count", fmt.Append(nil, old+1), e.Revision)
			if gerr != nil || err != nil && !errors.Is(err, transport.ErrConflict) {
				k.Errorf("counting: %v, %v", gerr, err)
				return
			}
		}
	}
}

func testStoreClosed(t *testing.T, k *kit) {
	a := k.open("c", "a")
	s := k.store(a, "s")
	if err := a.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if _, err := a.Store(k.ctx, "s"); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("Store returned %v", err)
	}
	if _, err := s.Get(k.ctx, "k"); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("Get returned %v", err)
	}
	if _, err := s.Put(k.ctx, "k", nil, 0); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("Put returned %v", err)
	}
	if err := s.Delete(k.ctx, "k", 0); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("Delete returned %v", err)
	}
	if _, err := s.Watch(k.ctx); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("Watch returned %v", err)
	}
}

// testStoreDown: calls end with their context while the net is away, and go on when
// it is back, with everything where it was.
func testStoreDown(t *testing.T, k *kit) {
	net, ok := k.net.(Downer)
	if !ok {
		t.Skip("not a Downer")
	}
	a := k.open("c", "a")
	s := k.store(a, "s")
	one := k.put(s, "k", "one", 0)
	net.Down()
	ctx, cancel := context.WithTimeout(k.ctx, impatience)
	defer cancel()
	if _, err := s.Get(ctx, "k"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Get returned %v", err)
	}
	if _, err := s.Put(ctx, "k", nil, 99); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Put returned %v", err)
	}
	if err := s.Delete(ctx, "k", 99); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Delete returned %v", err)
	}
	if _, err := a.Store(ctx, "other"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Store returned %v", err)
	}
	result := make(chan error, 1)
	go func() {
		_, err := s.Put(k.ctx, "k", []byte("two"), one)
		result <- err
	}()
	net.Up()
	if err := k.ended("Put", result); err != nil {
		t.Errorf("a Put that waited: %v", err)
	}
	if e, err := s.Get(k.ctx, "k"); err != nil || string(e.Value) != "two" {
		t.Errorf("%q is there, %v", e.Value, err)
	}
	k.conflicts(s, "k", one)
}

// testStoreWiped: what was lost is not there, and the store goes on.
func testStoreWiped(t *testing.T, k *kit) {
	net, ok := k.net.(Wiper)
	if !ok {
		t.Skip("not a Wiper")
	}
	a, b := k.pair()
	s, other := k.store(a, "s"), k.store(b, "s")
	k.put(s, "other", "x", 0)
	one := k.put(s, "k", "one", 0)
	net.Wipe()
	k.holds(s, "k", "", 0)
	if _, err := s.Put(k.ctx, "k", []byte("two"), one); !errors.Is(err, transport.ErrConflict) {
		t.Errorf("Put at a revision that was lost: %v", err)
	}
	now, err := other.Put(k.ctx, "k", []byte("three"), 0)
	if err != nil {
		t.Fatalf("Put: %v", err)
	}
	k.holds(s, "k", "three", now)
	k.holds(other, "k", "three", now)
}

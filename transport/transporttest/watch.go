package transporttest

import (
	"context"
	"fmt"
	"maps"
	"testing"

	"github.com/waterspout/waterspout/transport"
)

// A mirror is a store as a Watch shows it.
type mirror struct {
	k       *kit
	entries <-chan transport.Entry
	values  map[string]string
	begun   int // how many times all was there
}

func (k *kit) watch(ctx context.Context, s transport.Store) *mirror {
	k.Helper()
	entries, err := s.Watch(ctx)
	if err != nil {
		k.Fatalf("Watch: %v", err)
	}
	return &mirror{k: k, entries: entries, values: map[string]string{}}
}

// step takes one entry.
func (m *mirror) step() {
	m.k.Helper()
	select {
	case e, ok := <-m.entries:
		switch {
		case !ok:
			m.k.Fatal("the watch ended")
		case e.Key == "":
			m.begun++
		case e.Value == nil:
			delete(m.values, e.Key)
		default:
			if e.Revision == 0 {
				m.k.Errorf("%s has no revision", e.Key)
			}
			m.values[e.Key] = string(e.Value)
		}
	case <-m.k.ctx.Done():
		m.k.Fatalf("the watch stays at %v", m.values)
	}
}

// begins takes entries until all were sent n times.
func (m *mirror) begins(n int) {
	m.k.Helper()
	for m.begun < n {
		m.step()
	}
}

// shows takes entries until they make up want, key after value.
func (m *mirror) shows(want ...string) {
	m.k.Helper()
	values := map[string]string{}
	for i := 0; i < len(want); i += 2 {
		values[want[i]] = want[i+1]
	}
	for !maps.Equal(m.values, values) {
		m.step()
	}
}

func testWatch(t *testing.T, k *kit) {
	a, b := k.pair()
	s, other := k.store(a, "s"), k.store(b, "s")
	empty := k.watch(k.ctx, s)
	empty.begins(1)
	empty.shows()
	one := k.put(s, "x", "1", 0)
	gone := k.put(s, "y.z", "2", 0)
	k.del(s, "y.z", gone)
	k.put(s, "e", "", 0)
	full := k.watch(k.ctx, other)
	full.begins(1)
	if fmt.Sprint(full.values) != "map[e: x:1]" {
		t.Fatalf("a watch begins with %v", full.values)
	}
	two := k.put(other, "x", "2", one)
	k.put(s, "y.z", "3", 0)
	for _, m := range []*mirror{empty, full} {
		m.shows("x", "2", "y.z", "3", "e", "")
	}
	k.del(s, "x", two)
	for _, m := range []*mirror{empty, full} {
		m.shows("y.z", "3", "e", "")
	}
	var last uint64
	for i := range 500 { // the watchers do not read meanwhile
		last = k.put(s, "n", fmt.Sprint(i), last)
	}
	for _, m := range []*mirror{empty, full} {
		m.shows("y.z", "3", "e", "", "n", "499")
	}
	if empty.begun != 1 || full.begun != 1 {
		t.Errorf("the watches began %d and %d times", empty.begun, full.begun)
	}
}

// testWatchEnds: a watch ends with its context and with its Conn, read or unread.
func testWatchEnds(t *testing.T, k *kit) {
	a := k.open("c", "a")
	s := k.store(a, "s")
	for i := range 5 {
		k.put(s, fmt.Sprint("k", i), "x", 0)
	}
	ctx, cancel := context.WithCancel(k.ctx)
	read, unread := k.watch(ctx, s), k.watch(ctx, s)
	stays, too := k.watch(k.ctx, s), k.watch(k.ctx, s)
	read.begins(1)
	stays.begins(1)
	cancel()
	for _, m := range []*mirror{read, unread} {
		for range m.entries {
			continue
		}
	}
	k.put(s, "more", "x", 0)
	for stays.values["more"] == "" {
		stays.step()
	}
	if err := a.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	for _, m := range []*mirror{stays, too} {
		for range m.entries {
			continue
		}
	}
}

// testWatchDown: a watch goes on when the net is back, with what was missed.
func testWatchDown(t *testing.T, k *kit) {
	net, ok := k.net.(Downer)
	if !ok {
		t.Skip("not a Downer")
	}
	a, b := k.pair()
	s, other := k.store(a, "s"), k.store(b, "s")
	one := k.put(s, "x", "1", 0)
	gone := k.put(s, "y", "2", 0)
	m := k.watch(k.ctx, s)
	m.shows("x", "1", "y", "2")
	m.begins(1)
	net.Down()
	net.Up()
	k.del(other, "y", gone)
	k.put(other, "x", "3", one)
	m.shows("x", "3")
	net.Down()
	ctx, cancel := context.WithTimeout(k.ctx, impatience)
	defer cancel()
	if late, err := s.Watch(ctx); err == nil { // or it waits for the net
		for e := range late {
			t.Errorf("%v without a net", e)
		}
	}
	if err := a.Close(); err != nil {
		t.Errorf("Close without a net: %v", err)
	}
	for range m.entries {
		continue
	}
}

// testWatchWiped: keys that vanished are sent as deleted, and the watch goes on.
func testWatchWiped(t *testing.T, k *kit) {
	net, ok := k.net.(Wiper)
	if !ok {
		t.Skip("not a Wiper")
	}
	a, b := k.pair()
	s, other := k.store(a, "s"), k.store(b, "s")
	k.put(s, "x", "1", 0)
	k.put(s, "y", "2", 0)
	m, n := k.watch(k.ctx, s), k.watch(k.ctx, other)
	m.shows("x", "1", "y", "2")
	n.shows("x", "1", "y", "2")
	net.Wipe()
	m.shows()
	n.shows()
	m.begins(2)
	k.put(s, "y", "3", 0)
	m.shows("y", "3")
	n.shows("y", "3")
	net.Wipe() // and the same key again, perhaps at its old revision
	k.put(s, "y", "4", 0)
	m.shows("y", "4")
	n.shows("y", "4")
}

// Package inproc joins the workers of one process. It is the net of tests: several
// workers over it in a testing/synctest bubble rebalance as they would over a wire,
// in virtual time, and its methods hurt it.
//
// The invariant: a frame that Send has taken arrives, unless its receiver closes or
// is cut off; Send blocks while that receiver's lane is full and holds up nobody
// else's. Everything blocks on channels alone, and only a Watch has a goroutine,
// which ends before Close returns.
//
//	net := inproc.New()
//	a, err := net.Open(ctx, "tweets-3fa2", "a")
//	b, err := net.Open(ctx, "tweets-3fa2", "b")
//	err = a.Send(ctx, "b", transport.Data, frame)
//	frame, err := b.Recv(ctx, transport.Data)
package inproc

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/waterspout/waterspout/transport"
)

// A Net joins workers of one process. Its methods may be called from any goroutine.
// It has nothing to close: close its Conns.
type Net struct {
	mu      sync.Mutex // guards all below, and the stores' entries
	members map[member]*conn
	stores  map[string]*shelf
	down    bool
	cut     map[string]bool
	changed chan struct{} // closed and replaced when down or cut changes
}

// A member is a worker of a cluster.
type member struct{ cluster, worker string }

// New makes a net that works.
func New() *Net {
	return &Net{
		members: map[member]*conn{},
		stores:  map[string]*shelf{},
		cut:     map[string]bool{},
		changed: make(chan struct{}),
	}
}

// Open implements transport.Net. It refuses a name that an open Conn of the cluster
// has.
func (n *Net) Open(ctx context.Context, cluster, worker string) (transport.Conn, error) {
	for _, name := range []string{cluster, worker} {
		if err := transport.CheckName(name); err != nil {
			return nil, err
		}
	}
	c := newConn(n, member{cluster, worker})
	if _, err := c.await(ctx); err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.members[c.member] != nil {
		return nil, fmt.Errorf("inproc: cluster %s has a worker %s already", cluster, worker)
	}
	n.members[c.member] = c
	return c, nil
}

// Cut takes a worker off the net, in every cluster: its Sends and the calls of its
// stores block, and frames to it are lost. Those that wait at its end can still be
// received. A worker is cut off if its name is this one, or begins with it and a
// hyphen, as the ids of members do.
func (n *Net) Cut(worker string) { n.change(func() { n.cut[worker] = true }) }

// Heal ends Cut.
func (n *Net) Heal(worker string) { n.change(func() { delete(n.cut, worker) }) }

// Down takes the whole net away: as Cut, for every worker. Open blocks, too.
func (n *Net) Down() { n.change(func() { n.down = true }) }

// Up ends Down.
func (n *Net) Up() { n.change(func() { n.down = false }) }

// Wipe loses all that was in the stores. Their revisions begin at 1 again.
func (n *Net) Wipe() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for name, s := range n.stores {
		n.stores[name] = newShelf()
		close(s.changed)
	}
}

func (n *Net) change(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
	close(n.changed)
	n.changed = make(chan struct{})
}

// reachesLocked reports whether the net and this worker reach each other.
func (n *Net) reachesLocked(worker string) bool {
	if n.down || n.cut[worker] {
		return false
	}
	for name := range n.cut {
		if strings.HasPrefix(worker, name+"-") {
			return false
		}
	}
	return true
}

package engine

import (
	"github.com/waterspout/waterspout/acker"
	"github.com/waterspout/waterspout/internal/mesh"
	"github.com/waterspout/waterspout/tuple"
)

// homes say where the ledger of each spout instance is. They do not change: the
// run swaps them whole. A home keeps its place for as long as its instance
// exists, since tasks gather pairs by place; one whose place went to another gets
// pairs of roots that it does not know, and drops them (L4).
type homes struct {
	base  uint32  // the lowest instance in index
	index []int32 // places in all from 1, by instance; 0: unknown
	next  uint32  // instances from here on are not known yet; 0: all are
	all   []home
}

// A home is a lane here or, if that is nil, a peer or the limbo. The zero home is
// nowhere.
type home struct {
	instance uint32
	lane     *lane
	peer     *mesh.Peer
	limbo    *limbo
}

// of is the place of the home of root, -1 if there is none (G1). Tuples may come
// from a spout instance that this worker has not been told of yet: what is said of
// them waits in the limbo, which then has place 0.
func (h *homes) of(root tuple.Root) int {
	instance := root.Instance()
	if i := instance - h.base; i < uint32(len(h.index)) {
		return int(h.index[i]) - 1
	}
	if h.next > 0 && instance >= h.next {
		return 0
	}
	return -1
}

// with is h changed so that each instance has the home given, and no other has.
func (h *homes) with(now map[uint32]home) *homes {
	next := &homes{next: h.next, all: make([]home, len(h.all))}
	low, high := ^uint32(0), uint32(0)
	for instance := range now {
		low, high = min(low, instance), max(high, instance)
	}
	var vacant []int
	for i, was := range h.all {
		if to, ok := now[was.instance]; ok && was.instance != 0 {
			next.all[i] = to
		} else if was.limbo != nil {
			next.all[i] = was
		} else {
			vacant = append(vacant, i)
		}
	}
	if len(now) == 0 {
		return next
	}
	next.base, next.index = low, make([]int32, high-low+1)
	for i, at := range next.all {
		if at.instance != 0 {
			next.index[at.instance-low] = int32(i + 1)
		}
	}
	for instance := low; instance <= high; instance++ { // in order, so that places do not depend on a map
		to, ok := now[instance]
		if !ok || next.index[instance-low] != 0 {
			continue
		}
		if len(vacant) > 0 {
			next.all[vacant[0]] = to
			next.index[instance-low] = int32(vacant[0] + 1)
			vacant = vacant[1:]
			continue
		}
		next.all = append(next.all, to)
		next.index[instance-low] = int32(len(next.all))
	}
	return next
}

// put hands pairs over, without blocking.
func (h home) put(ps []acker.Pair) {
	switch {
	case h.lane != nil:
		h.lane.pairs.Put(ps)
	case h.peer != nil:
		h.peer.Pairs(ps)
	case h.limbo != nil:
		h.limbo.put(ps)
	}
}

func (h home) fail(root tuple.Root, why tuple.Failure) {
	switch {
	case h.lane != nil:
		h.lane.fail(root, why)
	case h.peer != nil:
		h.peer.Fail(root, why)
	case h.limbo != nil:
		h.limbo.fail(root, why)
	}
}

// enlist makes a lane of this process the home of its instance.
func (r *Run) enlist(l *lane) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lanes = append(r.lanes[:len(r.lanes):len(r.lanes)], l)
	r.rehomeLocked()
}

// delist forgets a lane that has ended.
func (r *Run) delist(l *lane) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var left []*lane
	for _, other := range r.lanes {
		if other != l {
			left = append(left, other)
		}
	}
	r.lanes = left
	r.rehomeLocked()
}

// Homes says on which peers the spout instances of other workers are, and which
// number the next instance will have.
func (s *Site) Homes(abroad map[uint32]*mesh.Peer, next uint32) {
	s.mu.Lock()
	s.abroad, s.next = abroad, next
	s.rehomeLocked()
	s.mu.Unlock()
	s.limbo.release()
}

func (r *Run) rehomeLocked() {
	now := map[uint32]home{}
	for instance, peer := range r.abroad {
		now[instance] = home{instance: instance, peer: peer}
	}
	for _, l := range r.lanes {
		now[l.instance] = home{instance: l.instance, lane: l}
	}
	homes := r.homes.Load().with(now)
	homes.next = r.next
	r.homes.Store(homes)
}

// failTrees ends every tree of lin. A tuple of none is gone, and nobody but the log, and
// a test kit, is told.
func (r *Run) failTrees(lin *tuple.Lineage, why tuple.Failure) {
	if lin.Root == 0 && lin.More == nil {
		r.gone.add(&why, r.now())
		r.opts.Faults.lost(why)
		return
	}
	roots(lin, func(root tuple.Root) { r.failRoot(root, why) })
}

func (r *Run) failRoot(root tuple.Root, why tuple.Failure) {
	homes := r.homes.Load()
	if i := homes.of(root); i >= 0 {
		homes.all[i].fail(root, why)
	}
}

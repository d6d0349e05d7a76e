// Package assign decides who runs what in a cluster: it judges leases, and makes
// the assignment document, which says where every task of the topology runs.
//
// It is values with methods, without goroutine, clock, lock or random source, and
// no iteration over a map decides anything: the same calls give the same document.
// The invariant of [Plan]: of a spout task at most one instance may run at any time
// among workers whose lease holds, since a new one starts only when the old one's
// worker has said that it ended it, or is gone.
//
// internal/member calls it from the one goroutine that it has per worker.
//
//	leases := assign.NewLeases("a-01", assign.TTL)
//	leases.Observe("b-02", 7, now)                     // as the store's watch tells
//	next, changed := assign.Plan(doc, shape, members)  // of leases.Alive(now)
//	if changed { store.Put(ctx, "assignment", next.Encode(), revision) }
package assign

import "time"

// How leases are kept and judged, each by its judge's own monotonic clock.
const (
	Renewal = time.Second     // a worker raises its counter this often
	Doubt   = 2 * time.Second // not renewed for so long, a worker doubts its own lease
	TTL     = 3 * time.Second // not raised for so long, a lease is lost
)

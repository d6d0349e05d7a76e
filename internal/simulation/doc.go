// Package simulation runs the project's own state machines (acker.Ledger,
// acker.Window, lowwater.Tracker, the link's Sender, Receiver, Credit and Account,
// and assign's Leases, Hold, Plan and Document) as a cluster of workers in virtual
// time, over a net and a store that misbehave, and judges what comes out by the
// trees of tuples as they were, which know no XOR.
//
// What is real: the machines, and the bytes of frames, documents and leases. What is
// built again here, as small as it can be, is the shell: what internal/mesh,
// internal/member, internal/worker and internal/engine do around the machines, with
// their times. The topology is two spout tasks, bolts, a join across both and a sink
// whose writes are confirmed later.
//
// The invariant: a seed is a run. There is one source of randomness and one heap of
// events in order of (time, number); no iteration over a map decides anything.
//
//	r := simulation.Run(4711, nil)
//	if r.Bad != "" { simulation.Run(4711, os.Stdout) } // the same again, with a trace
package simulation

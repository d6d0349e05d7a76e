// Package tuple is the vocabulary of Waterspout: what a tuple carries, how a
// tree of tuples is named, and how the outcome of an input is told.
//
// Every tuple that a spout emits with an id roots a tree. A [Root] names the
// tree; each tuple in it carries one random word per root, its edge. The
// invariant: the XOR of all edges made and all edges consumed under a root is
// zero exactly when every tuple of the tree was acked (the parity lemma of
// docs/protocol.md).
//
// Users meet this package through what spouts and bolts hand them:
//
//	held := out.Hold()              // in Execute: the outcome is now ours
//	go func() { held.Ack() }()      // any goroutine, first outcome counts
//	var f tuple.Failure             // what a spout is told when a tree fails
//	if f.Kind == tuple.Timeout { ... }
//
// All of its values may be used from any goroutine; only [Tuple] and [Lineage]
// belong to the engine, which moves them between its own goroutines.
package tuple

// Package hops measures what the engine itself costs: a topology of the
// reference job's shape and types whose bolts do nothing, so that only hops and
// acking are left. It also measures how that cost depends on the number of tasks
// and of open trees, what an operation of the ledger costs, and what a running
// topology costs while nothing happens.
//
//	harness.Register("hops", hops.Run)
//	run, err := harness.Measure(ctx, env, "hops", hops.Spec{Records: 5_000_000, Spouts: 5, Tasks: 2})
//
// Each function is called in a process of its own, once. The invariant: as many
// records arrive at the last stage as were emitted, or it is an error.
package hops

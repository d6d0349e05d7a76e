// Package engine runs the tasks of a topology in this process.
//
// A [Node] declares a component; [Start] makes its tasks, each with one goroutine
// and an inbox per input, and joins them by routers. Beside a bolt task's loop there
// are goroutines for a spout task's Run, its flusher, the ack lane that owns its
// ledger's answers, the watch over all, and what Collector.Go was given.
// [Run.Wait] returns after the last of them.
//
// The invariants: what a task emits and acks is handed on before the task sleeps
// or blocks; ack traffic never waits behind data; data flows along a DAG of
// bounded inboxes, so a full graph always drains; and every tracked emit gets
// its one answer.
//
//	run, err := engine.Start(ctx, nodes, engine.Options{Log: log})
//	...
//	run.Drain()               // spouts stop, open trees finish
//	err = run.Wait()
//
// Start, Drain, Abort, Wait and Tasks may be called from any goroutine. Package
// topology declares; cluster and internal/worker start; topologytest taps.
package engine

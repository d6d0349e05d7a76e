// Package worker runs one worker of a cluster: the processes that run one topology
// together.
//
// A worker joins the cluster (internal/member), is told by the assignment document
// which tasks are its own (internal/assign), runs them on a Site of the engine, and
// keeps links to the other workers (internal/mesh). All of that is one session: it
// ends when the worker leaves, when the topology ends, or when the worker was judged
// lost; then the worker stops everything it runs and joins afresh under a new id.
//
// The invariants: what runs here is what a document of this session's nonce gave to
// this session's id (G1, G3); of a spout task no second instance starts before the
// first has ended or its worker is gone; a task that moves takes what it was sent
// with it, or fails it (G2, T3).
//
//	w, err := worker.Start(ctx, worker.Config{Topology: "tweets", Nodes: nodes, Net: net, Log: log})
//	...
//	w.Drain()          // hand the tasks over, then end
//	err = w.Wait()
//
// One goroutine per worker makes all decisions; it is owned by Wait. Package cluster
// is the caller.
package worker

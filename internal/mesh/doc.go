// Package mesh is all links of one worker to the others of its cluster, over a
// transport.Conn: it moves what the machines of internal/link say between the
// engine's tasks and the wire.
//
// The invariant: what Send, Pairs and Fail took either arrives at its peer's
// Handler once, or its roots come out of Handler.Lost or reach their ledger as
// failures (rules K1 to K6 of docs/protocol.md); and a task instance's inbox
// holds no more than it granted (C1 to C5). Receiving never waits for anybody
// (C3): only Outlet.Send blocks, and so only the task that calls it.
//
// A Mesh owns two goroutines that receive, one that watches the time, and two
// for each peer that send; Close waits for all. The engine calls the methods from
// its tasks, the worker SetPeers, Accept and Mark.
//
//	m := mesh.Open(mesh.Config{Conn: conn, Nonce: nonce, Self: "a-5e2f", Log: log, To: engine})
//	m.SetPeers([]string{"b-77aa"})
//	out := m.Peer("b-77aa").Outlet(mesh.Address{Task: 3, Instance: 9})
//	ok := out.Send(mesh.Section{Body: tuples, Count: n, Roots: roots}) // blocks without credit
//	m.Close()
package mesh

// Package member makes a process one of the workers of a cluster: it keeps its lease
// in a [transport.Store], hears of the others, leads when it must, and says which
// assignment document is in force. What is decided is decided in internal/assign;
// this is the shell around it.
//
// The invariants: a document is taken over only while the own lease is not lost by
// the own clock; what a leader decides rests on leases that it has seen end, deleted
// where it must, so that whose place is taken finds his lease gone; and while the
// store is away nothing changes at all.
//
// [Join] starts one goroutine, which ends with Leave, Close or Lost. Every method
// may be called from any goroutine.
//
//	m, err := member.Join(ctx, member.Config{Store: store, Name: "host-1", ID: "host-1-5f3a", Shape: shape, Log: log})
//	for {
//		select {
//		case <-m.Changed(): apply(m.Document()); m.Report(assign.Status{Applied: version})
//		case <-m.Lost():    stop everything; m.Leave(ctx); join afresh
//		}
//	}
package member

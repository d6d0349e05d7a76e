// Package lowwater tracks the records of one ownership of one partition from
// the fetch to the commit (rules P1, P3, P4 and D1 of docs/protocol.md).
//
// A [Tracker] is a value without goroutine, clock, lock or random source; its
// owner serialises the calls and passes in what time it is. It holds the
// records that are not finished, so that a failed one is emitted again from
// memory. Records are numbered densely in the order they were added: what the
// log has no record for (markers, aborted data, what compaction removed) has no
// number, and is skipped because the position passed it.
//
// The invariant: [Tracker.Low], the offset that may be committed, is the offset
// of the lowest record that is waiting, in flight, in back-off or being given
// up, or the position if there is none. It never goes back.
//
//	t := lowwater.New(start, func(r *Record) int64 { return r.Offset })
//	t.Add(batch.Records, batch.Next, batch.Bytes)
//	first, records := t.Take(256)                       // emit them with ids first, first+1, ...
//	t.Ack(first)
//	t.Fail(first+1, tuple.Error, retry, now, rand.Float64()) // later: t.Due(now)
//	commit(t.Low())
package lowwater

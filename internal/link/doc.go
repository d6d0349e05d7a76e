// Package link is the protocol between two workers as machines: a [Sender] and
// a [Receiver] of one sequence of frames, and the two ends of the credit of one
// task instance, [Credit] and [Account] (rules K1 to K6 and C1 to C5 of
// docs/protocol.md).
//
// The invariant: under any loss, doubling, reordering and delay of frames, each
// frame is applied at most once, and each frame that was not applied comes out
// of its Sender in a [Loss], once; and no credit is lost for good. All four are
// values without goroutine, clock, lock or random source: ids and times (in
// nanoseconds of any monotonic clock) are arguments, what to do is returned.
// Whoever calls them serialises the calls; internal/mesh does so under locks.
//
//	s.Begin(1, now, &loss)                                       // send Hello
//	r.Hello(1, random)                                           // send Offer
//	s.Offer(1, r.Epoch(), now)
//	seq := s.Next(now, link.Content{Roots: roots})               // send the frame
//	verdict, gap := r.Frame(r.Epoch(), seq, s.Base())            // apply it
//	s.Report(r.Epoch(), r.Expected(), r.Lost(), now, &loss)      // fail loss.Roots
package link

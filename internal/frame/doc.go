// Package frame is what workers say to each other, in bytes: a header with a
// checksum, and bodies of sections (tuples for one task instance each), acks,
// or a report. Everything is little endian.
//
// The invariant: whatever the bytes are, decoding returns what was encoded or
// an error; it never panics, never allocates more than the bytes at hand
// justify, and what it returns lies within them. Encoding appends to a buffer
// of the caller and allocates nothing once that has grown. Nothing here has
// state or goroutines; internal/mesh calls it from its own, the engine encodes
// and decodes tuples from its tasks.
//
//	f := frame.Begin(buf[:0], "worker-1-5e2f")
//	f = frame.AppendSection(f, frame.Section{To: to, Position: 512, Tuples: 9, Count: 9, Body: tuples})
//	frame.Seal(f, frame.Header{Kind: frame.Data, Nonce: nonce, Epoch: epoch, Sequence: 1})
//	h, from, body, err := frame.Open(f)
package frame

// Target is the size in bytes up to which sections are packed into one frame.
const Target = 32 << 10

// An Address is one instance of one task: every placement of a task has a new
// instance, and frames match it exactly (rule G1 of docs/protocol.md).
type Address struct{ Task, Instance uint32 }

// Package codec turns the values of a stream into bytes and back, for streams
// that leave the process.
//
// A stream needs a codec only between workers. Without one named by
// Stream.Codec it gets [Of] its type: the type's own binary marshalling, or a
// layout compiled from its exported fields. The invariant: what was decoded
// equals what was appended, and bytes that no Append made are an error or some
// other value, never a panic, never more memory than their length justifies.
//
//	c, err := codec.Of[Order]()         // once, at the declaration
//	frame, err = c.Append(frame, order) // per tuple, no allocation
//	var in Order
//	err = c.Decode(frame, &in)
//
// The engine calls one codec from the goroutines of many tasks at once. A codec
// of one's own is two methods; codec/codectest is the suite to check it with.
package codec

// A Codec encodes and decodes values of T. It is used by many goroutines at
// once.
type Codec[T any] interface {
	// Append appends the encoding of v to dst and returns the extended
	// slice, as the append functions of encoding/binary do. Neither v nor
	// what it points to is kept or written. An error fails the tuple; dst
	// may be returned with or without a partial encoding then.
	Append(dst []byte, v T) ([]byte, error)
	// Decode sets v from src, which is exactly what one Append added. *v is
	// the zero value on entry. src belongs to the caller and is
	// overwritten after the call: strings and slices must be copied out of
	// it. After an error *v is not used.
	Decode(src []byte, v *T) error
}

// Named is a Codec whose name tells its wire format: two codecs with equal names
// read each other's bytes. The name enters the topology's fingerprint, so that
// workers with different formats never exchange a frame. A codec without one is told by
// its Go type.
type Named interface {
	Name() string
}

package engine

import "github.com/waterspout/waterspout/codec"

// A packing is a codec for the values of a section, one after the other. The default
// codec is one: it leaves out what a value has in common with the one before.
type packing[T any] interface {
	// AppendNext is codec.Codec's Append. prev is the value before, nil for the
	// first of a section; neither is kept.
	AppendNext(dst []byte, v, prev *T) ([]byte, error)
	// DecodeNext is its Decode, but may keep src, which is not written any more.
	// spare is memory that the caller keeps from call to call.
	DecodeNext(src []byte, v, prev *T, spare *[]byte) error
	// Chained reports whether they look at prev.
	Chained() bool
}

func packingOf[T any](c codec.Codec[T]) packing[T] {
	if p, ok := c.(packing[T]); ok {
		return p
	}
	return loose[T]{c}
}

// A loose packing gives every value to its codec alone.
type loose[T any] struct{ codec.Codec[T] }

func (l loose[T]) AppendNext(dst []byte, v, _ *T) ([]byte, error) { return l.Append(dst, *v) }

func (l loose[T]) DecodeNext(src []byte, v, _ *T, _ *[]byte) error { return l.Decode(src, v) }

func (l loose[T]) Chained() bool { return false }

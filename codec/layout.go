package codec

import (
	"fmt"
	"reflect"
	"sync"
	"unsafe"
)

// Of makes the default codec of T. It is compiled here, once; Append allocates
// nothing unless T has maps or marshals itself.
//
// A type that is an encoding.BinaryAppender or BinaryMarshaler, and by its
// pointer a BinaryUnmarshaler, is encoded by that, after its length. A struct that
// embeds such a type, or a pointer to one, is not: its other fields would be lost, and
// methods of its own cannot be told from those. All other types have a fixed layout,
// without names or tags:
//
//   - bool, int8, uint8: one byte
//   - other integers: a varint, zigzag if signed (package encoding/binary)
//   - floats and complex numbers: 4 or 8 bytes a part, little endian
//   - string: its length as a uvarint, its bytes
//   - slice and map: 0 for nil, else the length plus one, then the elements; a
//     map's entries are sorted by their encoded bytes, so that equal maps have
//     equal encodings
//   - array: its elements; [N]byte as it is
//   - pointer: 0 for nil, else 1 and what it points to; shared pointers come back
//     as separate copies
//   - time.Time: seconds since 1970 as a varint, nanoseconds as a uvarint, 0 for
//     UTC or else 1 and the zone's offset in seconds; no monotonic clock, no
//     name of the zone; an offset that is the local one comes back as time.Local
//   - struct: its fields in order, embedded structs included
//
// Anything else cannot travel, and Of returns an error that names the path to
// it: unexported fields, interfaces (so errors, too), funcs, channels, recursive
// types, slices of elements that take no bytes. Strings of tuples of up to 1 KiB
// share one allocation.
//
// Between workers tuples travel in sections of up to 32 KiB. There a value of several
// parts that follows another begins with a uvarint, whose lowest bit is that of the
// first part: those without a bit are as in the value before, and left out. Byte
// slices that a bolt gets are parts of the section: who keeps one keeps all of it, and
// should copy what is to live long. Strings are copied, and pin 1 KiB at most.
//
// The result is [Named] by its layout: field names and kinds in order.
func Of[T any]() (Codec[T], error) {
	t := reflect.TypeFor[T]()
	c := &compiler{}
	p, err := c.plan(t, t.String())
	if err != nil {
		return nil, fmt.Errorf("codec: %w", err)
	}
	return &layout[T]{plan: p, name: "layout 2 " + p.text, chained: p.chains()}, nil
}

// layout is a compiled plan for a type. The scratch values keep the argument of
// Append off the heap: its address goes where the compiler cannot follow.
type layout[T any] struct {
	plan    *plan
	name    string
	chained bool      // values that follow each other leave out what is the same
	scratch sync.Pool // of *T, zero while pooled
}

func (l *layout[T]) Name() string { return l.name }

func (l *layout[T]) Append(dst []byte, v T) ([]byte, error) {
	s, ok := l.scratch.Get().(*T)
	if !ok {
		s = new(T)
	}
	*s = v
	dst, err := l.plan.append(dst, unsafe.Pointer(s), whole)
	*s = *new(T)
	l.scratch.Put(s)
	if err != nil {
		return dst, fmt.Errorf("codec: %w", err)
	}
	return dst, nil
}

func (l *layout[T]) Decode(src []byte, v *T) error {
	r := reader{src: src}
	return l.finish(&r, l.plan.read(&r, unsafe.Pointer(v), nil, whole))
}

// finish is the error of a value that was read, with err.
func (l *layout[T]) finish(r *reader, err error) error {
	if err == nil && r.left() > 0 {
		err = fmt.Errorf("%d bytes left over after the value", r.left())
	}
	if err != nil {
		return fmt.Errorf("codec: %w", err)
	}
	return nil
}

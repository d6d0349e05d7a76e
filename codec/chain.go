package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"time"
	"unsafe"
)

const (
	// chainMost is how many parts a type may have that chains: the bits of a mask.
	chainMost = 64
	// whole is the mask of a value that stands for itself.
	whole = ^uint64(0)
)

// chains reports whether values that follow each other leave out what is the same. A
// type that marshals itself does not: its error is of one value, and must not be of
// those behind it.
func (p *plan) chains() bool {
	return len(p.ops) > 1 && len(p.ops) <= chainMost && !p.marshals()
}

func (p *plan) marshals() bool {
	for i := range p.ops {
		o := &p.ops[i]
		if o.kind == binaryKind || o.key != nil && o.key.marshals() || o.elem != nil && o.elem.marshals() {
			return true
		}
	}
	return false
}

// Chained reports whether AppendNext and DecodeNext look at the value before: then
// one that cannot be decoded spoils all behind it.
func (l *layout[T]) Chained() bool { return l.chained }

// AppendNext is Append for the values of one section, without copying the value:
// prev is the one before, nil for the first.
func (l *layout[T]) AppendNext(dst []byte, v, prev *T) ([]byte, error) {
	mask := whole
	if l.chained && prev != nil {
		mask = l.plan.changed(unsafe.Pointer(v), unsafe.Pointer(prev))
		dst = binary.AppendUvarint(dst, mask)
	}
	dst, err := l.plan.append(dst, unsafe.Pointer(v), mask)
	if err != nil {
		return dst, fmt.Errorf("codec: %w", err)
	}
	return dst, nil
}

// DecodeNext is Decode for what AppendNext wrote. Byte slices become parts of src,
// which is v's then; strings are copied to spare, which is memory that the caller
// keeps from call to call.
func (l *layout[T]) DecodeNext(src []byte, v, prev *T, spare *[]byte) error {
	r := reader{src: src, spare: spare}
	mask, err := l.mask(&r, prev)
	if err == nil {
		err = l.plan.read(&r, unsafe.Pointer(v), unsafe.Pointer(prev), mask)
	}
	return l.finish(&r, err)
}

var errMask = errors.New("a mask of parts that are not there")

func (l *layout[T]) mask(r *reader, prev *T) (uint64, error) {
	if !l.chained || prev == nil {
		return whole, nil
	}
	mask, err := r.uvarint()
	if err == nil && bits.Len64(mask) > len(l.plan.ops) {
		err = errMask
	}
	return mask, err
}

// changed has a bit for each op whose part differs.
func (p *plan) changed(base, prev unsafe.Pointer) (mask uint64) {
	for i := range p.ops {
		if o := &p.ops[i]; !o.same(o.at(base), o.at(prev)) {
			mask |= 1 << i
		}
	}
	return mask
}

// same reports whether a part equals that of the value before, so that a copy can
// stand for it. What two values would share then, and one could change, is the same
// only where there is nothing of it.
func (o *op) same(at, prev unsafe.Pointer) bool {
	switch o.kind {
	case boolKind, int8Kind, uint8Kind:
		return *(*byte)(at) == *(*byte)(prev)
	case int16Kind, uint16Kind:
		return *(*uint16)(at) == *(*uint16)(prev)
	case int32Kind, uint32Kind, float32Kind:
		return *(*uint32)(at) == *(*uint32)(prev)
	case int64Kind, uint64Kind, float64Kind:
		return *(*uint64)(at) == *(*uint64)(prev)
	case stringKind:
		return *(*string)(at) == *(*string)(prev)
	case timeKind:
		return *(*time.Time)(at) == *(*time.Time)(prev) // all of it, the zone too
	case bytesKind, sliceKind:
		a, b := *(*[]struct{})(at), *(*[]struct{})(prev)
		return a == nil && b == nil
	case pointerKind, mapKind:
		return *(*unsafe.Pointer)(at) == nil && *(*unsafe.Pointer)(prev) == nil
	case rawKind:
		return bytes.Equal(unsafe.Slice((*byte)(at), o.n), unsafe.Slice((*byte)(prev), o.n))
	}
	return false
}

// repeat copies a part from the value before. What same finds to be nothing is there
// already.
func (o *op) repeat(at, prev unsafe.Pointer) {
	switch o.kind {
	case boolKind, int8Kind, uint8Kind:
		*(*byte)(at) = *(*byte)(prev)
	case int16Kind, uint16Kind:
		*(*uint16)(at) = *(*uint16)(prev)
	case int32Kind, uint32Kind, float32Kind:
		*(*uint32)(at) = *(*uint32)(prev)
	case int64Kind, uint64Kind, float64Kind:
		*(*uint64)(at) = *(*uint64)(prev)
	case stringKind:
		*(*string)(at) = *(*string)(prev)
	case timeKind:
		*(*time.Time)(at) = *(*time.Time)(prev)
	case rawKind:
		copy(unsafe.Slice((*byte)(at), o.n), unsafe.Slice((*byte)(prev), o.n))
	}
}

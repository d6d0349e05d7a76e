package codec

import (
	"bytes"
	"encoding"
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"slices"
	"time"
	"unsafe"
)

// append writes the value at base, which is of the plan's type; of its first 64 parts
// those that mask has a bit for.
func (p *plan) append(dst []byte, base unsafe.Pointer, mask uint64) ([]byte, error) {
	var err error
	for i := range p.ops {
		if i < chainMost && mask>>i&1 == 0 {
			continue
		}
		o := &p.ops[i]
		at := o.at(base)
		switch o.kind {
		case boolKind, int8Kind, uint8Kind:
			dst = append(dst, *(*byte)(at))
		case int16Kind:
			dst = binary.AppendVarint(dst, int64(*(*int16)(at)))
		case int32Kind:
			dst = binary.AppendVarint(dst, int64(*(*int32)(at)))
		case int64Kind:
			dst = binary.AppendVarint(dst, *(*int64)(at))
		case uint16Kind:
			dst = binary.AppendUvarint(dst, uint64(*(*uint16)(at)))
		case uint32Kind:
			dst = binary.AppendUvarint(dst, uint64(*(*uint32)(at)))
		case uint64Kind:
			dst = binary.AppendUvarint(dst, *(*uint64)(at))
		case float32Kind:
			dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(*(*float32)(at)))
		case float64Kind:
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(*(*float64)(at)))
		case stringKind:
			s := *(*string)(at)
			dst = append(binary.AppendUvarint(dst, uint64(len(s))), s...)
		case bytesKind:
			dst = appendBytes(dst, *(*[]byte)(at))
		case rawKind:
			dst = append(dst, unsafe.Slice((*byte)(at), o.n)...)
		case timeKind:
			dst = appendTime(dst, *(*time.Time)(at))
		default:
			if dst, err = o.append(dst, at); err != nil {
				return dst, err
			}
		}
	}
	return dst, nil
}

// append writes what has parts of its own.
func (o *op) append(dst []byte, at unsafe.Pointer) ([]byte, error) {
	switch o.kind {
	case arrayKind:
		return o.appendElements(dst, at, o.n)
	case sliceKind:
		// Every slice header looks alike, so the length and first element
		// can be read without knowing the element type.
		s := *(*[]struct{})(at)
		if s == nil {
			return append(dst, 0), nil
		}
		dst = binary.AppendUvarint(dst, uint64(len(s))+1)
		return o.appendElements(dst, unsafe.Pointer(unsafe.SliceData(s)), len(s))
	case pointerKind:
		p := *(*unsafe.Pointer)(at)
		if p == nil {
			return append(dst, 0), nil
		}
		return o.elem.append(append(dst, 1), p, whole)
	case mapKind:
		return o.appendMap(dst, at)
	}
	return o.appendBinary(dst, at)
}

func (o *op) appendElements(dst []byte, first unsafe.Pointer, n int) ([]byte, error) {
	var err error
	for i := range n {
		if dst, err = o.elem.append(dst, o.element(first, i), whole); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

func appendBytes(dst, b []byte) []byte {
	if b == nil {
		return append(dst, 0)
	}
	return append(binary.AppendUvarint(dst, uint64(len(b))+1), b...)
}

func appendTime(dst []byte, t time.Time) []byte {
	dst = binary.AppendVarint(dst, t.Unix())
	dst = binary.AppendUvarint(dst, uint64(t.Nanosecond()))
	if t.Location() == time.UTC {
		return append(dst, 0)
	}
	_, offset := t.Zone()
	return binary.AppendVarint(append(dst, 1), int64(offset))
}

func (o *op) appendMap(dst []byte, at unsafe.Pointer) ([]byte, error) {
	m := reflect.NewAt(o.typ, at).Elem()
	if m.IsNil() {
		return append(dst, 0), nil
	}
	dst = binary.AppendUvarint(dst, uint64(m.Len())+1)
	key, elem := reflect.New(o.typ.Key()), reflect.New(o.typ.Elem())
	entries := make([][]byte, 0, m.Len())
	for it := m.MapRange(); it.Next(); {
		key.Elem().SetIterKey(it)
		elem.Elem().SetIterValue(it)
		entry, err := o.key.append(nil, key.UnsafePointer(), whole)
		if err == nil {
			entry, err = o.elem.append(entry, elem.UnsafePointer(), whole)
		}
		if err != nil {
			return dst, err
		}
		entries = append(entries, entry)
	}
	slices.SortFunc(entries, bytes.Compare)
	for _, entry := range entries {
		dst = append(dst, entry...)
	}
	return dst, nil
}

// appendBinary writes the length after the bytes, in the fewest bytes that hold
// it, and moves them: the length is not known before.
func (o *op) appendBinary(dst []byte, at unsafe.Pointer) (out []byte, err error) {
	start := len(dst)
	out = dst // also if the type panics
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s: panic: %v", o.path, r)
		}
	}()
	switch v := reflect.NewAt(o.typ, at).Interface().(type) {
	case encoding.BinaryAppender:
		dst, err = v.AppendBinary(dst)
	case encoding.BinaryMarshaler:
		var b []byte
		b, err = v.MarshalBinary()
		dst = append(dst, b...)
	}
	if err != nil {
		return dst, fmt.Errorf("%s: %w", o.path, err)
	}
	var length [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(length[:], uint64(max(len(dst)-start, 0)))
	return slices.Insert(dst, min(start, len(dst)), length[:n]...), nil
}

package codec

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"unsafe"
)

func (o *op) readByte(r *reader, at unsafe.Pointer) error {
	b, err := r.byte()
	if err != nil {
		return err
	}
	// Go assumes that a bool in memory is 0 or 1.
	if o.kind == boolKind && b > 1 {
		return fmt.Errorf("%d is not a bool", b)
	}
	*(*byte)(at) = b
	return nil
}

func (o *op) readInt(r *reader, at unsafe.Pointer) error {
	v, err := r.varint()
	switch {
	case err != nil:
		return err
	case o.kind == int64Kind:
		*(*int64)(at) = v
	case o.kind == int32Kind && v == int64(int32(v)):
		*(*int32)(at) = int32(v)
	case o.kind == int16Kind && v == int64(int16(v)):
		*(*int16)(at) = int16(v)
	default:
		return fmt.Errorf("%d does not fit", v)
	}
	return nil
}

func (o *op) readUint(r *reader, at unsafe.Pointer) error {
	v, err := r.uvarint()
	switch {
	case err != nil:
		return err
	case o.kind == uint64Kind:
		*(*uint64)(at) = v
	case o.kind == uint32Kind && v <= math.MaxUint32:
		*(*uint32)(at) = uint32(v)
	case o.kind == uint16Kind && v <= math.MaxUint16:
		*(*uint16)(at) = uint16(v)
	default:
		return fmt.Errorf("%d does not fit", v)
	}
	return nil
}

func (o *op) readElements(r *reader, first unsafe.Pointer, n int) error {
	for i := range n {
		if err := o.elem.read(r, o.element(first, i), nil, whole); err != nil {
			return err
		}
	}
	return nil
}

// sliceBytes is how large a slice is made before its elements are read, since a length
// may be nonsense, and an element larger in memory than the bytes that it takes at least.
const sliceBytes = 64 << 10

func (o *op) readSlice(r *reader, at unsafe.Pointer) error {
	n, isNil, err := r.length(1, o.elem.least)
	if err != nil {
		return fmt.Errorf("%s: %w", o.path, err)
	}
	if isNil {
		return nil
	}
	v := reflect.NewAt(o.typ, at).Elem()
	some := max(sliceBytes/int(max(o.typ.Elem().Size(), 1)), 1)
	for have := 0; ; {
		next := min(n, max(some, 2*have))
		s := reflect.MakeSlice(o.typ, next, next)
		reflect.Copy(s, v)
		v.Set(s)
		if err := o.readElements(r, o.element(s.UnsafePointer(), have), next-have); err != nil {
			return err
		}
		if have = next; have == n {
			return nil
		}
	}
}

func (o *op) readPointer(r *reader, at unsafe.Pointer) error {
	b, err := r.byte()
	switch {
	case err != nil:
	case b > 1:
		err = errors.New("not a pointer")
	case b == 1 && r.left() < o.elem.least: // before there is memory for it
		err = errShort
	}
	if err != nil {
		return fmt.Errorf("%s: %w", o.path, err)
	}
	if b == 0 {
		return nil
	}
	p := reflect.New(o.typ.Elem())
	reflect.NewAt(o.typ, at).Elem().Set(p.Convert(o.typ))
	return o.elem.read(r, p.UnsafePointer(), nil, whole)
}

func (o *op) readMap(r *reader, at unsafe.Pointer) error {
	n, isNil, err := r.length(1, o.key.least+o.elem.least)
	if err != nil {
		return fmt.Errorf("%s: %w", o.path, err)
	}
	if isNil {
		return nil
	}
	m := reflect.MakeMapWithSize(o.typ, n)
	reflect.NewAt(o.typ, at).Elem().Set(m)
	if n == 0 {
		return nil
	}
	key, elem := reflect.New(o.typ.Key()), reflect.New(o.typ.Elem())
	for range n {
		key.Elem().SetZero()
		elem.Elem().SetZero()
		if err := o.key.read(r, key.UnsafePointer(), nil, whole); err != nil {
			return err
		}
		if err := o.elem.read(r, elem.UnsafePointer(), nil, whole); err != nil {
			return err
		}
		m.SetMapIndex(key.Elem(), elem.Elem())
	}
	return nil
}

// readBinary calls code that was not written for hostile bytes, so it contains
// its panics.
func (o *op) readBinary(r *reader, at unsafe.Pointer) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	n, _, err := r.length(0, 1)
	if err != nil {
		return err
	}
	b, err := r.fixed(n)
	if err != nil {
		return err
	}
	return reflect.NewAt(o.typ, at).Interface().(encoding.BinaryUnmarshaler).UnmarshalBinary(b)
}

package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
	"unsafe"
)

var errShort = errors.New("the bytes end early")

// shared is the size up to which a tuple's strings and slices share one copy of
// its bytes: one allocation instead of many, and a string that is kept pins no
// more than this.
const shared = 1 << 10

// A reader is a position in the bytes of one value.
type reader struct {
	src  []byte
	pos  int
	copy []byte // of src, made when it is first needed; nil for large ones

	// spare is memory for strings if src is the value's to keep, else nil
	spare *[]byte
}

func (r *reader) left() int { return len(r.src) - r.pos }

func (r *reader) byte() (byte, error) {
	if r.pos == len(r.src) {
		return 0, errShort
	}
	r.pos++
	return r.src[r.pos-1], nil
}

func (r *reader) uvarint() (uint64, error) {
	if r.pos < len(r.src) && r.src[r.pos] < 0x80 {
		r.pos++
		return uint64(r.src[r.pos-1]), nil
	}
	v, n := binary.Uvarint(r.src[r.pos:])
	switch {
	case n == 0:
		return 0, errShort
	case n < 0:
		return 0, errors.New("a varint of more than 64 bits")
	}
	r.pos += n
	return v, nil
}

func (r *reader) varint() (int64, error) {
	u, err := r.uvarint()
	return int64(u>>1) ^ -int64(u&1), err
}

// length reads a count of things that take at least min bytes each.
func (r *reader) length(plus uint64, least int) (n int, isNil bool, err error) {
	u, err := r.uvarint()
	if err != nil {
		return 0, false, err
	}
	if u < plus {
		return 0, true, nil
	}
	if u -= plus; u > uint64(r.left()/least) {
		return 0, false, fmt.Errorf("a length of %d in front of %d bytes", u, r.left())
	}
	return int(u), false, nil
}

// next is r's next n bytes, copied, without spare capacity.
func (r *reader) next(n int) []byte {
	from := r.pos
	r.pos += n
	if len(r.src) > shared {
		return bytes.Clone(r.src[from:r.pos:r.pos])
	}
	if r.copy == nil {
		r.copy = bytes.Clone(r.src)
	}
	return r.copy[from:r.pos:r.pos]
}

// spared is r's next n bytes, copied to the spare memory. What is large gets its own.
func (r *reader) spared(n int) []byte {
	from := r.pos
	r.pos += n
	if n > shared/2 {
		return bytes.Clone(r.src[from:r.pos])
	}
	a := *r.spare
	if cap(a)-len(a) < n {
		a = make([]byte, 0, shared)
	}
	*r.spare = append(a, r.src[from:r.pos]...)
	return (*r.spare)[len(a):]
}

func (r *reader) string() (string, error) {
	n, _, err := r.length(0, 1)
	if err != nil || n == 0 {
		return "", err
	}
	var b []byte
	if r.spare != nil {
		b = r.spared(n)
	} else {
		b = r.next(n)
	}
	return unsafe.String(unsafe.SliceData(b), n), nil
}

func (r *reader) bytes() ([]byte, error) {
	n, isNil, err := r.length(1, 1)
	if err != nil || isNil {
		return nil, err
	}
	if n == 0 {
		return []byte{}, nil
	}
	if r.spare != nil {
		r.pos += n
		return r.src[r.pos-n : r.pos : r.pos], nil
	}
	return r.next(n), nil
}

func (r *reader) fixed(n int) ([]byte, error) {
	if r.left() < n {
		return nil, errShort
	}
	r.pos += n
	return r.src[r.pos-n : r.pos], nil
}

func (r *reader) time() (time.Time, error) {
	sec, err := r.varint()
	if err != nil {
		return time.Time{}, err
	}
	nsec, err := r.uvarint()
	if err != nil {
		return time.Time{}, err
	}
	zone, err := r.byte()
	if err != nil {
		return time.Time{}, err
	}
	if nsec >= uint64(time.Second) || zone > 1 {
		return time.Time{}, errors.New("not a time")
	}
	t := time.Unix(sec, int64(nsec))
	if zone == 0 {
		return t.UTC(), nil
	}
	offset, err := r.varint()
	if err != nil {
		return time.Time{}, err
	}
	if offset <= -1<<31 || offset >= 1<<31 {
		return time.Time{}, errors.New("not a time zone")
	}
	if _, local := t.Zone(); int64(local) != offset {
		t = t.In(time.FixedZone("", int(offset)))
	}
	return t, nil
}

// read sets the value at base, which is of the plan's type and zero. Of its first 64
// parts those that mask has no bit for come from the value at prev.
func (p *plan) read(r *reader, base, prev unsafe.Pointer, mask uint64) error {
	for i := range p.ops {
		o := &p.ops[i]
		if i < chainMost && mask>>i&1 == 0 {
			o.repeat(o.at(base), o.at(prev))
			continue
		}
		if err := o.read(r, o.at(base)); err != nil {
			if o.elem != nil {
				return err
			}
			return fmt.Errorf("%s: %w", o.path, err)
		}
	}
	return nil
}

func (o *op) read(r *reader, at unsafe.Pointer) (err error) {
	switch o.kind {
	case int16Kind, int32Kind, int64Kind:
		return o.readInt(r, at)
	case uint16Kind, uint32Kind, uint64Kind:
		return o.readUint(r, at)
	case boolKind, int8Kind, uint8Kind:
		return o.readByte(r, at)
	case float32Kind:
		var b []byte
		if b, err = r.fixed(4); err == nil {
			*(*float32)(at) = math.Float32frombits(binary.LittleEndian.Uint32(b))
		}
	case float64Kind:
		var b []byte
		if b, err = r.fixed(8); err == nil {
			*(*float64)(at) = math.Float64frombits(binary.LittleEndian.Uint64(b))
		}
	case stringKind:
		*(*string)(at), err = r.string()
	case bytesKind:
		*(*[]byte)(at), err = r.bytes()
	case rawKind:
		var b []byte
		b, err = r.fixed(o.n)
		copy(unsafe.Slice((*byte)(at), o.n), b)
	case timeKind:
		*(*time.Time)(at), err = r.time()
	case binaryKind:
		return o.readBinary(r, at)
	case arrayKind:
		return o.readElements(r, at, o.n)
	case sliceKind:
		return o.readSlice(r, at)
	case pointerKind:
		return o.readPointer(r, at)
	case mapKind:
		return o.readMap(r, at)
	}
	return err
}

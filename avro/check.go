package avro

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
)

// A shape says which bytes a step of a program expects.
type shape uint8

const (
	shapeInt    shape = iota // a varint of 32 bits
	shapeLong                // a varint of 64 bits
	shapeBool                // 0 or 1
	shapeSkip                // n bytes
	shapeBytes               // a length and as many bytes
	shapeIndex               // a varint below n: an enum's symbol
	shapeUnion               // a varint below len(of), then that branch
	shapeArray               // blocks of of[0]
	shapeMap                 // blocks of a key and of[0]
	shapeMicros              // a varint of 64 bits, microseconds that fit a time.Duration
)

// A program is the shape of a schema's values, nested records laid flat. It
// proves that bytes are one value, with the strictness of the Avro specification
// and a bit more: a varint has no bits and no bytes that its type cannot hold, and a
// block's size in bytes is its true one.
type program []step

type step struct {
	shape shape
	n     int // shapeSkip, shapeIndex; shapeBytes: at most n bytes, if n > 0
	least int // shapeArray, shapeMap: the fewest bytes of an element
	of    []program
	path  string // of the field, for errors
}

var (
	errShort  = errors.New("the payload ends early")
	errVarint = errors.New("a varint of too many bits")
)

// value checks that b is one value and nothing else.
func (p program) value(b []byte) error {
	n, err := p.check(b, 0)
	if err == nil && n < len(b) {
		return fmt.Errorf("%d bytes left over after the value", len(b)-n)
	}
	return err
}

// check returns the position after the value that starts at b[pos]. Depth is
// bounded by the schema, which is not recursive.
func (p program) check(b []byte, pos int) (int, error) {
	for i := range p {
		s := &p[i]
		switch s.shape {
		case shapeBytes:
			n, next, err := varint(b, pos)
			if err != nil {
				return pos, s.fail(err)
			}
			if uint64(n) > uint64(len(b)-next) {
				return pos, s.fail(fmt.Errorf("a length of %d in front of %d bytes", n, len(b)-next))
			}
			if s.n > 0 && n > int64(s.n) {
				return pos, s.fail(fmt.Errorf("a decimal of %d bytes, more than its precision needs", n))
			}
			pos = next + int(n)
		case shapeLong:
			// Only the length matters: the first byte without its high bit.
			if pos+8 <= len(b) {
				if ends := ^binary.LittleEndian.Uint64(b[pos:]) & 0x8080808080808080; ends != 0 {
					pos += bits.TrailingZeros64(ends)/8 + 1
					continue
				}
			}
			var err error
			if _, pos, err = varint(b, pos); err != nil {
				return pos, s.fail(err)
			}
		case shapeSkip:
			if s.n > len(b)-pos {
				return pos, s.fail(errShort)
			}
			pos += s.n
		default:
			var err error
			if pos, err = s.check(b, pos); err != nil {
				return pos, err
			}
		}
	}
	return pos, nil
}

// check is for the shapes that are not worth a place in the loop.
func (s *step) check(b []byte, pos int) (int, error) {
	v, next, err := varint(b, pos)
	if err != nil {
		return pos, s.fail(err)
	}
	// All of these but microseconds and the count of a block are ints, which end
	// within five bytes, zeros behind the last bit or not.
	if s.shape < shapeArray && next-pos > binary.MaxVarintLen32 {
		return pos, s.fail(errVarint)
	}
	switch s.shape {
	case shapeInt:
		if v != int64(int32(v)) {
			return pos, s.fail(errVarint)
		}
	case shapeBool:
		if b[pos] > 1 {
			return pos, s.fail(fmt.Errorf("%d is not a bool", b[pos]))
		}
	case shapeIndex:
		if uint64(v) >= uint64(s.n) {
			return pos, s.fail(fmt.Errorf("symbol %d of %d", v, s.n))
		}
	case shapeUnion:
		if uint64(v) >= uint64(len(s.of)) {
			return pos, s.fail(fmt.Errorf("branch %d of %d", v, len(s.of)))
		}
		return s.of[v].check(b, next)
	case shapeArray, shapeMap:
		return s.blocks(b, next, v)
	case shapeMicros:
		if v != v*1000/1000 {
			return pos, s.fail(fmt.Errorf("%d microseconds are more than a time.Duration holds", v))
		}
	}
	return next, nil
}

// blocks checks the blocks of an array or map; count is the first one's.
func (s *step) blocks(b []byte, pos int, count int64) (_ int, err error) {
	for count != 0 {
		end := -1
		if count < 0 {
			var size int64
			if size, pos, err = varint(b, pos); err != nil {
				return pos, s.fail(err)
			}
			if uint64(size) > uint64(len(b)-pos) {
				return pos, s.fail(fmt.Errorf("a block of %d bytes in front of %d", size, len(b)-pos))
			}
			count, end = -count, pos+int(size)
		}
		if count == math.MinInt64 || count > int64((len(b)-pos)/s.least) {
			return pos, s.fail(fmt.Errorf("%d elements in front of %d bytes", count, len(b)-pos))
		}
		for range count {
			if pos, err = s.of[0].check(b, pos); err != nil {
				return pos, err
			}
		}
		if end >= 0 && pos != end {
			return pos, s.fail(errors.New("a block's size is not the size of its elements"))
		}
		if count, pos, err = varint(b, pos); err != nil {
			return pos, s.fail(err)
		}
	}
	return pos, nil
}

func (s *step) fail(err error) error {
	if s.path == "" {
		return err
	}
	return fmt.Errorf("%s: %w", s.path, err)
}

// varint reads a zigzag varint of up to 64 bits.
func varint(b []byte, pos int) (v int64, next int, err error) {
	if pos+1 < len(b) { // one byte or two, as lengths are
		u := uint64(b[pos])
		if u < 0x80 {
			return int64(u>>1) ^ -int64(u&1), pos + 1, nil
		}
		if b[pos+1] < 0x80 {
			u = u&0x7f | uint64(b[pos+1])<<7
			return int64(u>>1) ^ -int64(u&1), pos + 2, nil
		}
	}
	return varintLong(b, pos)
}

func varintLong(b []byte, pos int) (v int64, next int, err error) {
	var u uint64
	for shift := 0; pos < len(b); shift += 7 {
		c := b[pos]
		pos++
		u |= uint64(c&0x7f) << shift
		if c < 0x80 && (shift < 63 || c <= 1) {
			return int64(u>>1) ^ -int64(u&1), pos, nil
		}
		if shift == 63 {
			return 0, pos, errVarint
		}
	}
	return 0, pos, errShort
}

package kafkaio

import (
	"encoding/binary"
	"math/bits"
)

// appendRecord appends r as it is in a batch: at milliseconds after its first
// record, in the given place.
func appendRecord(dst []byte, r *Record, at, place int64) []byte {
	n := 1 + lenVarint(at) + lenVarint(place) + lenBytes(r.Key) + lenBytes(r.Value) + lenVarint(int64(len(r.Headers)))
	for i := range r.Headers {
		h := &r.Headers[i]
		n += lenVarint(int64(len(h.Key))) + len(h.Key) + lenBytes(h.Value)
	}
	dst = binary.AppendVarint(dst, int64(n))
	dst = append(dst, 0) // attributes, of which there are none
	dst = binary.AppendVarint(dst, at)
	dst = binary.AppendVarint(dst, place)
	dst = appendBytes(dst, r.Key)
	dst = appendBytes(dst, r.Value)
	dst = binary.AppendVarint(dst, int64(len(r.Headers)))
	for i := range r.Headers {
		h := &r.Headers[i]
		dst = binary.AppendVarint(dst, int64(len(h.Key)))
		dst = append(dst, h.Key...)
		dst = appendBytes(dst, h.Value)
	}
	return dst
}

func appendBytes(dst, b []byte) []byte {
	if b == nil {
		return append(dst, 1) // -1
	}
	dst = binary.AppendVarint(dst, int64(len(b)))
	return append(dst, b...)
}

func lenVarint(v int64) int { return (bits.Len64(uint64(v<<1^v>>63)|1) + 6) / 7 }

func lenBytes(b []byte) int {
	if b == nil {
		return 1
	}
	return lenVarint(int64(len(b))) + len(b)
}

// A cutter takes records from what appendRecord made, and from nothing else. Their
// slices alias it.
type cutter []byte

// record is the next one, and its milliseconds after the first of its batch.
func (c *cutter) record() (r Record, at int64) {
	c.varint() // the length
	*c = (*c)[1:]
	at = c.varint()
	c.varint() // the place
	r.Key, r.Value = c.bytes(), c.bytes()
	if n := c.varint(); n > 0 {
		r.Headers = make([]Header, n)
	}
	for i := range r.Headers {
		r.Headers[i] = Header{Key: string(c.bytes()), Value: c.bytes()}
	}
	return r, at
}

func (c *cutter) varint() int64 {
	v, n := binary.Varint(*c)
	*c = (*c)[n:]
	return v
}

func (c *cutter) bytes() []byte {
	n := c.varint()
	if n < 0 {
		return nil
	}
	b := (*c)[:n:n]
	*c = (*c)[n:]
	return b
}

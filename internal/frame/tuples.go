package frame

import (
	"encoding/binary"
	"slices"

	"github.com/waterspout/waterspout/tuple"
)

const (
	minLink  = 1 + 8         // a root that differs little, and an edge
	minTuple = 1 + valueHead // no link and no value

	// valueHead is how long the length of a value is. A longer value has long there,
	// and its length behind it, in four bytes.
	valueHead = 2
	long      = 1<<16 - 1
	longHead  = 4
)

// AppendLineage appends what a tuple carries of its trees. A value has to follow.
// Roots are told by how they differ from the one before, since those of a section
// often follow each other: last is what this returned for the tuple before, 0 for the
// first of a section.
func AppendLineage(dst []byte, l *tuple.Lineage, last tuple.Root) ([]byte, tuple.Root) {
	if l.More == nil {
		if l.Root == 0 {
			return append(dst, 0), last
		}
		return appendLink(append(dst, 1), l.Link, last), l.Root
	}
	n := len(*l.More)
	if l.Root != 0 {
		n++
	}
	dst = binary.AppendUvarint(dst, uint64(n))
	if l.Root != 0 {
		dst, last = appendLink(dst, l.Link, last), l.Root
	}
	for _, link := range *l.More {
		dst, last = appendLink(dst, link, last), link.Root
	}
	return dst, last
}

func appendLink(dst []byte, l tuple.Link, last tuple.Root) []byte {
	dst = appendRoot(dst, l.Root, last)
	return binary.LittleEndian.AppendUint64(dst, l.Edge)
}

// appendRoot appends the difference of root to last, which one byte holds if it is
// small.
func appendRoot(dst []byte, root, last tuple.Root) []byte {
	return binary.AppendVarint(dst, int64(root-last))
}

// nextRoot takes a root off b. size is 0 for bytes that are none.
func nextRoot(b []byte, last tuple.Root) (root tuple.Root, size int) {
	if len(b) > 0 && b[0] < 0x80 { // as nearly always
		return last + tuple.Root(int64(b[0]>>1)^-int64(b[0]&1)), 1
	}
	d, size := binary.Varint(b)
	return last + tuple.Root(d), max(size, 0)
}

// BeginValue begins a value whose length is not known yet: append it to what is
// returned, and hand that and mark to EndValue.
func BeginValue(dst []byte) (_ []byte, mark int) {
	return append(dst, 0, 0), len(dst)
}

// EndValue ends the value that was begun at mark and reaches to the end of dst.
func EndValue(dst []byte, mark int) []byte {
	from := mark + valueHead
	n := len(dst) - from
	if n < long {
		binary.LittleEndian.PutUint16(dst[mark:], uint16(n))
		return dst
	}
	var head [longHead]byte
	binary.LittleEndian.PutUint32(head[:], uint32(n))
	binary.LittleEndian.PutUint16(dst[mark:], long)
	return slices.Insert(dst, from, head[:]...)
}

// nextLength takes the length of a value off b. size is 0 for bytes that are none.
func nextLength(b []byte) (length uint64, size int) {
	if len(b) < valueHead {
		return 0, 0
	}
	length = uint64(binary.LittleEndian.Uint16(b))
	switch {
	case length < long:
		return length, valueHead
	case len(b) < valueHead+longHead:
		return 0, 0
	}
	return uint64(binary.LittleEndian.Uint32(b[valueHead:])), valueHead + longHead
}

// Tuples reads the body of a section. It is a value for one goroutine.
type Tuples struct {
	rest []byte
	last tuple.Root
	err  error
}

// NewTuples begins to read a body, of which values will be parts.
func NewTuples(body []byte) Tuples { return Tuples{rest: body} }

// Next is the next tuple; ok is false at the end, and at bytes that are none, of
// which Err tells. It allocates only for a tuple of several trees.
func (t *Tuples) Next() (lin tuple.Lineage, value []byte, ok bool) {
	if len(t.rest) == 0 {
		return lin, nil, false
	}
	n, at := binary.Uvarint(t.rest)
	if at <= 0 || n > uint64(len(t.rest)-at)/minLink {
		return t.bad()
	}
	t.rest = t.rest[at:]
	if n > 0 && !t.link(&lin.Link) {
		return t.bad()
	}
	if n > 1 {
		more := make([]tuple.Link, n-1)
		for i := range more {
			if !t.link(&more[i]) {
				return t.bad()
			}
		}
		lin.More = &more
	}
	length, at := nextLength(t.rest)
	rest := t.rest[at:]
	if at == 0 || length > uint64(len(rest)) {
		return t.bad()
	}
	t.rest = rest[length:]
	return lin, rest[:length:length], true
}

func (t *Tuples) link(l *tuple.Link) bool {
	root, size := nextRoot(t.rest, t.last)
	if size == 0 || len(t.rest)-size < 8 {
		return false
	}
	*l = tuple.Link{Root: root, Edge: binary.LittleEndian.Uint64(t.rest[size:])}
	t.rest, t.last = t.rest[size+8:], root
	return true
}

func (t *Tuples) bad() (_ tuple.Lineage, value []byte, ok bool) {
	t.rest, t.err = nil, ErrMalformed
	return tuple.Lineage{}, nil, false
}

// Err is ErrMalformed if Next ended before the body did.
func (t *Tuples) Err() error { return t.err }

// AppendRoots appends the roots of all links of a body's tuples to dst, as far as
// the body can be read.
func AppendRoots(dst []tuple.Root, body []byte) []tuple.Root {
	for t := NewTuples(body); ; {
		lin, _, ok := t.Next()
		if !ok {
			return dst
		}
		if lin.Root != 0 {
			dst = append(dst, lin.Root)
		}
		if lin.More != nil {
			for _, link := range *lin.More {
				dst = append(dst, link.Root)
			}
		}
	}
}

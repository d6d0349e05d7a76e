package frame

import (
	"encoding/binary"

	"github.com/waterspout/waterspout/tuple"
)

const (
	linkSize = 16
	minTuple = 1 + valueHead // no link and no value
)

const valueHead = 4

// AppendLineage appends what a tuple carries of its trees. A value has to follow.
func AppendLineage(dst []byte, l *tuple.Lineage) []byte {
	if l.More == nil {
		if l.Root == 0 {
			return append(dst, 0)
		}
		return appendLink(append(dst, 1), l.Link)
	}
	n := len(*l.More)
	if l.Root != 0 {
		n++
	}
	dst = binary.AppendUvarint(dst, uint64(n))
	if l.Root != 0 {
		dst = appendLink(dst, l.Link)
	}
	for _, link := range *l.More {
		dst = appendLink(dst, link)
	}
	return dst
}

func appendLink(dst []byte, l tuple.Link) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(l.Root))
	return binary.LittleEndian.AppendUint64(dst, l.Edge)
}

// BeginValue begins a value whose length is not known yet: append it to what is
// returned, and hand that and mark to EndValue.
func BeginValue(dst []byte) (_ []byte, mark int) {
	return append(dst, 0, 0, 0, 0), len(dst)
}

// EndValue ends the value that was begun at mark and reaches to the end of dst.
func EndValue(dst []byte, mark int) []byte {
	binary.LittleEndian.PutUint32(dst[mark:], uint32(len(dst)-mark-valueHead))
	return dst
}

// Tuples reads the body of a section. It is a value for one goroutine.
type Tuples struct {
	rest []byte
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
	if at <= 0 || n > uint64(len(t.rest)-at)/linkSize {
		return t.bad()
	}
	rest := t.rest[at:]
	if n > 0 {
		lin.Link = linkAtHead(rest)
		rest = rest[linkSize:]
	}
	if n > 1 {
		more := make([]tuple.Link, n-1)
		for i := range more {
			more[i] = linkAtHead(rest)
			rest = rest[linkSize:]
		}
		lin.More = &more
	}
	if len(rest) < valueHead {
		return t.bad()
	}
	length := uint64(binary.LittleEndian.Uint32(rest))
	rest = rest[valueHead:]
	if length > uint64(len(rest)) {
		return t.bad()
	}
	t.rest = rest[length:]
	return lin, rest[:length:length], true
}

func linkAtHead(b []byte) tuple.Link {
	return tuple.Link{Root: tuple.Root(binary.LittleEndian.Uint64(b)), Edge: binary.LittleEndian.Uint64(b[8:])}
}

func (t *Tuples) bad() (lin tuple.Lineage, value []byte, ok bool) {
	t.rest, t.err = nil, ErrMalformed
	return lin, nil, false
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

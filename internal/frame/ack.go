package frame

import (
	"encoding/binary"
	"time"
	"unicode/utf8"

	"github.com/waterspout/waterspout/acker"
	"github.com/waterspout/waterspout/tuple"
)

// A Fail is the failure of one tree, on its way to the tree's ledger.
type Fail struct {
	Root tuple.Root
	Why  tuple.Failure
}

// The lengths in bytes to which the texts of a Fail are cut.
const (
	MaxText      = 1 << 10
	MaxComponent = 255
)

const (
	// PairSize is how long a pair is about, and FailSize how long a Fail is at most.
	// A pair whose root follows another is shorter, one that differs much is longer
	// by two bytes.
	PairSize = 16
	FailSize = failHead + MaxComponent + MaxText

	failHead = 20 // root, age, kind, length of component and text
)

// AppendAcks appends the body of a frame of kind Acks.
func AppendAcks(dst []byte, pairs []acker.Pair, fails []Fail) []byte {
	le := binary.LittleEndian
	dst = le.AppendUint32(dst, uint32(len(pairs)))
	var last tuple.Root
	for _, p := range pairs {
		dst = appendLink(dst, tuple.Link{Root: p.Root, Edge: p.Word}, last)
		last = p.Root
	}
	for i := range fails {
		f := &fails[i]
		component, text := cut(f.Why.Component, MaxComponent), cut(f.Why.Text, MaxText)
		dst = le.AppendUint64(dst, uint64(f.Root))
		dst = le.AppendUint64(dst, uint64(f.Why.Age))
		dst = append(dst, byte(f.Why.Kind), byte(len(component)))
		dst = le.AppendUint16(dst, uint16(len(text)))
		dst = append(append(dst, component...), text...)
	}
	return dst
}

// cut is s without the last of its characters, if it is too long.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}

// DecodeAcks appends what is in body to pairs and fails. On an error it returns
// them as they were.
func DecodeAcks(body []byte, pairs []acker.Pair, fails []Fail) ([]acker.Pair, []Fail, error) {
	if len(body) < 4 {
		return pairs, fails, ErrMalformed
	}
	le := binary.LittleEndian
	n := uint64(le.Uint32(body))
	body = body[4:]
	if n > uint64(len(body))/minLink {
		return pairs, fails, ErrMalformed
	}
	morePairs, moreFails := pairs, fails
	var last tuple.Root
	for range n {
		root, size := nextRoot(body, last)
		if size == 0 || len(body)-size < 8 {
			return pairs, fails, ErrMalformed
		}
		morePairs = append(morePairs, acker.Pair{Root: root, Word: le.Uint64(body[size:])})
		body, last = body[size+8:], root
	}
	for len(body) > 0 {
		if len(body) < failHead {
			return pairs, fails, ErrMalformed
		}
		component := failHead + int(body[17])
		end := component + int(le.Uint16(body[18:]))
		if end > len(body) || body[16] >= tuple.Kinds {
			return pairs, fails, ErrMalformed
		}
		moreFails = append(moreFails, Fail{tuple.Root(le.Uint64(body)), tuple.Failure{
			Kind: tuple.Kind(body[16]), Age: time.Duration(le.Uint64(body[8:])),
			Component: string(body[failHead:component]), Text: string(body[component:end]),
		}})
		body = body[end:]
	}
	return morePairs, moreFails, nil
}

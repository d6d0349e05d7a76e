package tuple

import "fmt"

const (
	sequenceBits = 40
	sequenceMask = 1<<sequenceBits - 1
)

// A Root names the tree of tuples below one emit of one spout task: 24 bits of
// spout instance, 40 bits of sequence (rules L3 and L5). Every attempt at a
// record gets a new one. Roots are compared for equality only; the sequence
// wraps after 2^40 emits, long after its predecessors have ended. The zero Root
// marks a tuple that nobody tracks.
type Root uint64

// NewRoot joins a spout instance, of which the low 24 bits count, and a
// sequence, of which the low 40 bits count. Instances start at 1, so that no
// root is zero.
func NewRoot(instance uint32, sequence uint64) Root {
	return Root(uint64(instance)<<sequenceBits | sequence&sequenceMask)
}

// Instance is the spout instance whose ledger holds the tree.
func (r Root) Instance() uint32 { return uint32(r >> sequenceBits) }

// Sequence is the number of the tree within its spout instance, modulo 2^40.
func (r Root) Sequence() uint64 { return uint64(r) & sequenceMask }

// String is the root as instance:sequence, for logs and tests.
func (r Root) String() string { return fmt.Sprintf("%d:%d", r.Instance(), r.Sequence()) }

// A Link ties a tuple to one tree: the root, and the XOR of the edges that lead
// to this tuple under it. A Link with a zero Root ties to nothing.
type Link struct {
	Root Root
	Edge uint64
}

// Lineage is what a tuple carries of its trees: one link inline and, only after
// a join of several trees, the others behind a pointer. It is 24 bytes, because
// the cost of a hop is the bytes it copies. The zero Lineage is untracked. What
// More points to is never written after the tuple was made.
type Lineage struct {
	Link
	More *[]Link
}

// A Tuple is a value on its way between two tasks. The engine owns it; bolts and
// spouts see plain values.
type Tuple[T any] struct {
	Value T
	Lineage
}

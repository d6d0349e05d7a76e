package tuple

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Kind says why a tree of tuples failed. Only Error and Panic count as
// attempts at the record (rule P4): an outage must not send good records to a
// dead letter.
type Kind uint8

// The kinds of failure.
const (
	Error    Kind   = iota // a bolt returned an error, or failed a held input
	Panic                  // a bolt panicked
	Timeout                // no progress within the spout's timeout, or too old
	Lost                   // a link or a worker was lost with part of the tree
	Rejected               // a bolt said that the record can never succeed
	Revoked                // the source took the record's partition away
	Shutdown               // the topology ended first
	Kinds    = iota        // how many kinds there are
)

var kindNames = [Kinds]string{"error", "panic", "timeout", "lost", "rejected", "revoked", "shutdown"}

// String is the kind's name in lower case.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// MarshalText is the name, as a Kind has it in JSON.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText is the way back. A name that no kind has is an error.
func (k *Kind) UnmarshalText(name []byte) error {
	i := slices.Index(kindNames[:], string(name))
	if i < 0 {
		return fmt.Errorf("tuple: no kind of failure is named %q", name)
	}
	*k = Kind(i)
	return nil
}

// Counts reports whether a failure of this kind counts as an attempt at the
// record (rule P4).
func (k Kind) Counts() bool { return k == Error || k == Panic }

// A Failure tells a spout why a tree failed. It is an error. The cause is text
// only, since errors do not travel between workers.
type Failure struct {
	Kind      Kind
	Component string        // the component that failed it; empty for Timeout and Shutdown
	Text      string        // the error, or the panic with its stack on the lines below
	Age       time.Duration // from the emit to the failure
}

// Error is one line: kind, component, and the first line of the text.
func (f Failure) Error() string {
	s := f.Kind.String()
	if f.Component != "" {
		s += " in " + f.Component
	}
	if line, _, _ := strings.Cut(f.Text, "\n"); line != "" {
		s += ": " + line
	}
	return s
}

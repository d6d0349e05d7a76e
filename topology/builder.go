// Package topology declares what runs: spouts, bolts, and the streams between
// them.
//
// A [Builder] takes declarations in the order of the data, so a stream exists
// before it is read: a cycle, an unknown stream or a type that does not fit
// cannot be written. What the compiler cannot see, Build reports, all mistakes
// at once. The invariant: a [Topology] is valid and never changes, and can be
// run any number of times.
//
//	b := topology.New("words")
//	lines := topology.Spout(b, "lines", spout.FromSlice(text))
//	words := topology.Bolt(lines.By(grouping.Shuffle), "split", bolt.FlatMap(strings.FieldsSeq))
//	topology.Bolt(words.By(grouping.Value), "count", newCount, topology.Parallelism(2))
//	t, err := b.Build()
//
// Declare from one goroutine; a Topology may be used from any. Package cluster
// runs it.
package topology

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/waterspout/waterspout/internal/engine"
)

// A Builder gathers declarations. Make one with [New].
type Builder struct {
	name  string
	nodes []*engine.Node
	errs  []error
	built bool
}

// New begins a topology. Its name, like those of components and sides, is 1 to
// 64 of A-Z, a-z, 0-9, '_' and '-'.
func New(name string) *Builder { return &Builder{name: name} }

// A DeclError is one mistake in a declaration.
type DeclError struct {
	Component string // empty for the topology as a whole
	Err       error
}

// Error is a line that names the component.
func (e *DeclError) Error() string {
	if e.Component == "" {
		return fmt.Sprintf("topology: %v", e.Err)
	}
	return fmt.Sprintf("topology: %s: %v", e.Component, e.Err)
}

// Unwrap is the mistake.
func (e *DeclError) Unwrap() error { return e.Err }

// Build checks the declarations and returns the topology, or all mistakes
// joined, each a *DeclError. What is declared afterwards is a mistake, which the
// next Build reports, and changes no topology.
func (b *Builder) Build() (*Topology, error) {
	if b == nil {
		return nil, &DeclError{Err: errNilBuilder}
	}
	b.checkName("", "topology name", b.name)
	if !b.hasSpout() {
		b.fail("", errors.New("has no spout; declare one with topology.Spout"))
	}
	seen := map[string]bool{}
	for _, n := range b.nodes {
		b.checkName(n.Name, "component name", n.Name)
		if seen[n.Name] {
			b.fail(n.Name, errors.New("the name is declared twice"))
		}
		seen[n.Name] = true
		b.checkNode(n)
	}
	if err := errors.Join(b.errs...); err != nil {
		return nil, err
	}
	b.built = true
	return &Topology{name: b.name, nodes: b.nodes}, nil
}

// over reports whether the topology was built, and that something comes too late for it.
func (b *Builder) over(component, what string) bool {
	if b.built {
		b.fail(component, fmt.Errorf("%s after Build; make another builder for another topology", what))
	}
	return b.built
}

func (b *Builder) hasSpout() bool {
	for _, n := range b.nodes {
		if n.Spout {
			return true
		}
	}
	return false
}

// What a component may have at most. What is beyond was meant otherwise, and would
// take all memory: a ledger has a slot for each tree that may be open.
const (
	maxParallelism = 1 << 14
	maxPending     = 1 << 24
	maxTimeout     = 365 * 24 * time.Hour // ten times that is still a Duration
)

func (b *Builder) checkNode(n *engine.Node) {
	if n.Parallelism < 1 || n.Parallelism > maxParallelism {
		b.fail(n.Name, fmt.Errorf("parallelism is %d; it must be 1 to %d", n.Parallelism, maxParallelism))
	}
	if n.Spout && (n.MaxPending < 1 || n.MaxPending > maxPending) {
		b.fail(n.Name, fmt.Errorf("max pending is %d; it must be 1 to %d", n.MaxPending, maxPending))
	}
	if n.Spout && (n.Timeout <= 0 || n.Timeout > maxTimeout) {
		b.fail(n.Name, fmt.Errorf("timeout is %v; it must be positive and at most %v", n.Timeout, maxTimeout))
	}
	sides := map[string]bool{}
	for _, s := range n.Outputs {
		name, tag := s.Side()
		if tag == nil {
			continue
		}
		b.checkName(n.Name, "side name", name)
		if sides[name] {
			b.fail(n.Name, fmt.Errorf("two side streams are named %q", name))
		}
		sides[name] = true
	}
}

var validName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func (b *Builder) checkName(component, what, name string) {
	if !validName.MatchString(name) {
		b.fail(component, fmt.Errorf("%s %q must be 1 to 64 of A-Z a-z 0-9 _ -", what, name))
	}
}

func (b *Builder) fail(component string, err error) {
	b.errs = append(b.errs, &DeclError{component, err})
}

// Must is t, or a panic if err is not nil. It is for main and for tests.
func Must(t *Topology, err error) *Topology {
	if err != nil {
		panic(err)
	}
	return t
}

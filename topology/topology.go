package topology

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/waterspout/waterspout/codec"
	"github.com/waterspout/waterspout/internal/engine"
	"github.com/waterspout/waterspout/internal/frame"
	"github.com/waterspout/waterspout/tuple"
)

// A Topology is a valid declaration. It does not change; any goroutine may use
// it, and it may be run any number of times, at once, too.
type Topology struct {
	name  string
	nodes []*engine.Node
}

// Name is the name given to [New].
func (t *Topology) Name() string { return t.name }

// Nodes is for package cluster.
func (t *Topology) Nodes() []*engine.Node { return t.nodes }

// String is the topology in a few lines, one per component with what it reads.
func (t *Topology) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "topology %s\n", t.name)
	for _, n := range t.nodes {
		kind := "bolt"
		if n.Spout {
			kind = "spout"
		}
		fmt.Fprintf(&s, "  %s %s x%d", kind, n.Name, n.Parallelism)
		for i, in := range n.Inputs {
			sep := ", "
			if i == 0 {
				sep = " <- "
			}
			fmt.Fprintf(&s, "%s%s by %s", sep, source(in), in.Grouping)
		}
		s.WriteByte('\n')
	}
	return s.String()
}

func source(in engine.Input) string {
	if in.Stream == "" {
		return in.From.Name
	}
	return in.From.Name + "." + in.Stream
}

// Dot is the topology in the language of Graphviz: pipe it through dot -Tsvg.
func (t *Topology) Dot() string {
	var s strings.Builder
	fmt.Fprintf(&s, "digraph %q {\n\trankdir=LR\n", t.name)
	for _, n := range t.nodes {
		shape := "box"
		if n.Spout {
			shape = "house"
		}
		fmt.Fprintf(&s, "\t%q [shape=%s label=\"%s\\nx%d\"]\n", n.Name, shape, n.Name, n.Parallelism)
		for _, in := range n.Inputs {
			label := in.Grouping
			if in.Stream != "" {
				label = in.Stream + ": " + label
			}
			fmt.Fprintf(&s, "\t%q -> %q [label=%q]\n", in.From.Name, n.Name, label)
		}
	}
	s.WriteString("}\n")
	return s.String()
}

// Fingerprint is 16 hexadecimal digits that workers must agree on to run the
// topology together: equal declarations, in equal binaries or not, have equal
// fingerprints. It covers names, types, parallelism, groupings, codecs, max
// pending and timeouts, and of each object that has a Name method its name,
// such as a Kafka spout's topics; and the version of what workers send each
// other, which a new release of this module may change. It calls the constructors,
// and if one of them panics, so does it, with a *DeclError that wraps a tuple.Failure.
func (t *Topology) Fingerprint() string { return t.fingerprint(frame.Version) }

func (t *Topology) fingerprint(wire int) string {
	h := sha256.New()
	fmt.Fprintf(h, "%d %q\n", wire, t.name)
	for _, n := range t.nodes {
		fmt.Fprintf(h, "%q %d %t", n.Name, n.Parallelism, n.Spout)
		if n.Spout {
			fmt.Fprintf(h, " %d %v %t", n.MaxPending, n.Timeout, n.Untracked)
		}
		if name, ok := named(n); ok {
			fmt.Fprintf(h, " named %q", name)
		}
		for _, in := range n.Inputs {
			fmt.Fprintf(h, " <- %q %q", source(in), in.Grouping)
		}
		for _, s := range n.Outputs {
			side, _ := s.Side()
			fmt.Fprintf(h, " -> %q %s %q", side, s.Type(), s.CodecName())
		}
		fmt.Fprintln(h)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// named is the name of the objects that n's constructor makes, if they have one.
func named(n *engine.Node) (name string, ok bool) {
	defer func() {
		if p := recover(); p != nil {
			text := strings.ReplaceAll(fmt.Sprint(p), "\n", "; ") + "\n" + string(debug.Stack())
			panic(&DeclError{n.Name, fmt.Errorf("making one to see its name: %w", tuple.Failure{Kind: tuple.Panic, Text: text})})
		}
	}()
	if made, ok := n.Probe().(codec.Named); ok {
		return made.Name(), true
	}
	return "", false
}

// Portable reports, all at once, the streams that could not travel between
// workers for want of a codec. Each error names the field that is to blame.
func (t *Topology) Portable() error {
	var errs []error
	for _, n := range t.nodes {
		for _, s := range n.Outputs {
			if !s.Read() {
				continue
			}
			if err := s.Portable(); err != nil {
				name, tag := s.Side()
				if tag != nil {
					err = fmt.Errorf("stream %q: %w", name, err)
				}
				errs = append(errs, &DeclError{n.Name, err})
			}
		}
	}
	return errors.Join(errs...)
}

// label is the name of the function that g is, or that made it.
func label(g any) string {
	return labelOf(runtime.FuncForPC(reflect.ValueOf(g).Pointer()).Name())
}

// labelOf is the last part of a function's name that is not a closure's, which is
// numbered: funcN, or N where it was inlined.
func labelOf(name string) string {
	name = name[strings.LastIndexByte(name, '/')+1:]
	if i := strings.IndexByte(name, '['); i >= 0 {
		name = name[:i]
	}
	parts := strings.Split(name, ".")
	for i := len(parts) - 1; i > 0; i-- {
		numbered := strings.Trim(strings.TrimPrefix(parts[i], "func"), "0123456789") == ""
		if !numbered || len(parts) == 2 {
			return parts[i]
		}
	}
	return name
}

package engine

import (
	"fmt"
	"time"

	"github.com/waterspout/waterspout/codec"
	"github.com/waterspout/waterspout/grouping"
)

// A Node is a declared component, with its types erased. Declare* makes one and
// it is not changed once the topology is built.
type Node struct {
	Name        string
	Parallelism int
	Spout       bool
	Untracked   bool          // of a spout: no tree is opened
	MaxPending  int           // of a spout: open trees per task
	Timeout     time.Duration // of a spout
	Inputs      []Input       // of a bolt
	Outputs     []Stream      // its main stream first

	Probe func() any // a new object as its tasks have, to learn about it

	newTask func(c *component, index int, instance uint32) task
}

// An Input is one stream that a bolt reads, for drawings and fingerprints.
type Input struct {
	From     *Node
	Stream   string // the name of a side, empty for the main stream
	Grouping string
}

// A Stream is an output of a node, with its type erased.
type Stream interface {
	// Side is the stream's name if it is a side stream, and its tag.
	Side() (name string, tag any)
	// Type is the Go type of its values, CodecName what carries them, and
	// Portable the reason why nothing does.
	Type() string
	CodecName() string
	Portable() error
	// Read reports whether some bolt reads it.
	Read() bool

	open(c *boltCore) (any, error) // a bolt task's end of it, as port.Output
}

// An Output is a Stream of T.
type Output[T any] struct {
	node  *Node
	name  string
	tag   any
	codec codec.Codec[T] // nil: the default
	edges []edge[T]
}

type edge[T any] struct {
	group grouping.Grouping[T]
	to    *Node
	inlet int
}

// Node is the component whose output it is.
func (o *Output[T]) Node() *Node { return o.node }

// SetCodec chooses what carries the stream between workers.
func (o *Output[T]) SetCodec(c codec.Codec[T]) { o.codec = c }

// Side implements [Stream].
func (o *Output[T]) Side() (string, any) { return o.name, o.tag }

// Type implements [Stream].
func (o *Output[T]) Type() string { return typeName[T]() }

// Read implements [Stream].
func (o *Output[T]) Read() bool { return len(o.edges) > 0 }

// Portable implements [Stream].
func (o *Output[T]) Portable() error {
	_, err := o.carrier()
	return err
}

// CodecName implements [Stream].
func (o *Output[T]) CodecName() string {
	c, err := o.carrier()
	if err != nil {
		return "none"
	}
	if n, ok := c.(codec.Named); ok {
		return n.Name()
	}
	return fmt.Sprintf("%T", c)
}

func (o *Output[T]) carrier() (codec.Codec[T], error) {
	if o.codec != nil {
		return o.codec, nil
	}
	return codec.Of[T]()
}

// A Source is an input of a bolt as declared: a stream, how it is grouped, and
// what is made of each value before the bolt sees it.
type Source[I any] struct {
	input  Input
	attach func(to *Node, inlet int)
	inlet  func(c *boltCore) (inlet[I], error)
}

// Node is the component whose stream it reads.
func (s Source[I]) Node() *Node { return s.input.From }

// From reads out, grouped by g; label names the grouping.
func From[T any](out *Output[T], label string, g grouping.Grouping[T]) Source[T] {
	return Source[T]{
		input: Input{From: out.node, Stream: out.name, Grouping: label},
		attach: func(to *Node, inlet int) {
			out.edges = append(out.edges, edge[T]{g, to, inlet})
		},
		inlet: func(c *boltCore) (inlet[T], error) { return newQueue(c, out) },
	}
}

// Through is s with f applied to each value, in the reading task.
func Through[T, U any](s Source[T], f func(T) U) Source[U] {
	return Source[U]{
		input:  s.input,
		attach: s.attach,
		inlet: func(c *boltCore) (inlet[U], error) {
			in, err := s.inlet(c)
			return &mapped[T, U]{inlet: in, f: f}, err
		},
	}
}

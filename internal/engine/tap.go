package engine

import (
	"fmt"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/spout"
)

// A Tap is one more reader of a stream in one run, so that a test kit can listen
// to a topology without changing it.
type Tap struct {
	on   Stream
	edge any // an edge[T]
	to   *Node
}

// Node is the tap's bolt, to be started behind the others.
func (t Tap) Node() *Node { return t.to }

// NewTap makes a tap whose one task, a bolt that newBolt makes, gets each value of
// s. It is an error if these are not of T.
func NewTap[T any](s Stream, name string, newBolt func() bolt.Bolt[T, bolt.None]) (Tap, error) {
	out, ok := s.(*Output[T])
	if !ok {
		return Tap{}, fmt.Errorf("it is a stream of %s, not of %s", s.Type(), typeName[T]())
	}
	n := &Node{Name: name, Parallelism: 1}
	tap := Tap{on: s, to: n}
	in := From(out, "tap", grouping.Global[T])
	in.attach = func(to *Node, inlet int) { tap.edge = edge[T]{grouping.Global[T], to, inlet} }
	DeclareBolt(n, []Source[T]{in}, newBolt)
	return tap, nil
}

func tapped[T any](run *Run, out *Output[T]) (edges []edge[T]) {
	for _, t := range run.opts.Taps {
		if t.on == Stream(out) {
			edges = append(edges, t.edge.(edge[T]))
		}
	}
	return edges
}

// ReplaceSpout is n, a spout, with other tasks that write to the same streams; n
// stays as it is. It is an error if n does not emit T.
func ReplaceSpout[T any](n *Node, newSpout func() spout.Spout[T]) (*Node, error) {
	out, ok := n.Outputs[0].(*Output[T])
	if !ok {
		return nil, fmt.Errorf("it emits %s, not %s", n.Outputs[0].Type(), typeName[T]())
	}
	other := *n
	other.Probe = func() any { return newSpout() }
	other.newTask = spoutTasks(out, newSpout)
	return &other, nil
}

package simulation

import "github.com/waterspout/waterspout/internal/assign"

// The components.
const (
	spouts = iota
	mids   // one or two children each, to a sink or the join
	joins  // of any two inputs, of whatever trees
	sinks  // writes are confirmed later
)

// shape is the tasks of the topology.
var shape = assign.Shape{
	{Spout: true, Component: spouts, Index: 0},
	{Spout: true, Component: spouts, Index: 1},
	{Component: mids, Index: 0},
	{Component: mids, Index: 1},
	{Component: mids, Index: 2},
	{Component: joins, Index: 0},
	{Component: sinks, Index: 0},
	{Component: sinks, Index: 1},
}

// tasksOf is the numbers of a component's tasks.
func tasksOf(component int) (first, n int) {
	for i, k := range shape {
		if k.Component == component {
			if n == 0 {
				first = i
			}
			n++
		}
	}
	return first, n
}

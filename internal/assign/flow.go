package assign

import "math"

// A flow is a network without cycles, in which the cheapest of the largest flows is
// sought by successive shortest paths (Ahuja, Magnanti, Orlin: Network Flows, 9.7),
// with Bellman and Ford's search, since costs may be negative.
type flow struct {
	edges []edge  // an edge and its reverse are neighbours
	out   [][]int // by node
}

type edge struct {
	to   int
	room int
	cost int64
}

func newFlow(nodes int) *flow { return &flow{out: make([][]int, nodes)} }

// edge adds an edge and returns its number.
func (f *flow) edge(from, to, room int, cost int64) int {
	n := len(f.edges)
	f.edges = append(f.edges, edge{to, room, cost}, edge{from, 0, -cost})
	f.out[from] = append(f.out[from], n)
	f.out[to] = append(f.out[to], n+1)
	return n
}

// convex adds edges for room units of which the n-th, from 0, has that cost, which
// never falls: so the cheap ones are used first.
func (f *flow) convex(from, to, room int, cost func(n int) int64) (edges []int) {
	for n := 0; n < room; {
		same := n + 1
		for same < room && cost(same) == cost(n) {
			same++
		}
		edges = append(edges, f.edge(from, to, same-n, cost(n)))
		n = same
	}
	return edges
}

// sums is how much flows through each set of edges.
func (f *flow) sums(sets [][][]int) [][]int {
	all := make([][]int, len(sets))
	for i, row := range sets {
		all[i] = make([]int, len(row))
		for j, set := range row {
			for _, e := range set {
				all[i][j] += f.edges[e^1].room
			}
		}
	}
	return all
}

// run sends as much as there is room for.
func (f *flow) run(source, sink int) {
	for {
		by := f.shortest(source)
		if by[sink] < 0 {
			return
		}
		room := math.MaxInt
		for at := sink; at != source; at = f.edges[by[at]^1].to {
			room = min(room, f.edges[by[at]].room)
		}
		for at := sink; at != source; at = f.edges[by[at]^1].to {
			f.edges[by[at]].room -= room
			f.edges[by[at]^1].room += room
		}
	}
}

// shortest is by which edge each node is reached at the least cost; -1 if it is not.
func (f *flow) shortest(source int) (by []int) {
	by = make([]int, len(f.out))
	cost := make([]int64, len(f.out))
	queued := make([]bool, len(f.out))
	for i := range by {
		by[i], cost[i] = -1, math.MaxInt64
	}
	cost[source] = 0
	for queue := []int{source}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		queued[at] = false
		for _, n := range f.out[at] {
			e := f.edges[n]
			if e.room == 0 || cost[at]+e.cost >= cost[e.to] {
				continue
			}
			cost[e.to], by[e.to] = cost[at]+e.cost, n
			if !queued[e.to] {
				queued[e.to] = true
				queue = append(queue, e.to)
			}
		}
	}
	return by
}

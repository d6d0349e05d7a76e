package assign

import "slices"

// A spread finds where tasks go: evenly over hosts on three levels, of each
// component, of all spout tasks, and in total, with as few moves as that takes, and
// among those with as few of spout tasks.
//
// Tasks of one component are alike, so what is sought is how many of each component
// go to each host: a flow of least cost from components through hosts. The costs are
// of four orders of magnitude: a pinned task moves for nothing; then evenness, then
// moves, then which ones.
type spread struct {
	hosts      int
	tasks      int
	spouts     int
	components []component
}

// A component is the tasks of one component that are spread.
type component struct {
	number int
	spout  bool
	size   int
	on     [][]placed // by host
	none   []int      // the tasks that are nowhere, or where they cannot stay
}

type placed struct {
	task   int
	pinned bool
}

type move struct{ task, host int }

func newSpread(hosts int) *spread { return &spread{hosts: hosts} }

// add adds a task that is on host, or on none if that is negative. Tasks are added in
// the order of their numbers.
func (s *spread) add(task int, kind Kind, host int, pinned bool) {
	c := s.component(kind)
	c.size++
	s.tasks++
	if kind.Spout {
		s.spouts++
	}
	if host < 0 {
		c.none = append(c.none, task)
		return
	}
	c.on[host] = append(c.on[host], placed{task, pinned})
}

func (s *spread) component(kind Kind) *component {
	i := slices.IndexFunc(s.components, func(c component) bool { return c.number == kind.Component })
	if i < 0 {
		i = len(s.components)
		s.components = append(s.components, component{number: kind.Component, spout: kind.Spout, on: make([][]placed, s.hosts)})
	}
	return &s.components[i]
}

// moves returns what goes to another host than it is on, in the order of the tasks.
func (s *spread) moves() (all []move) {
	counts := s.counts()
	for i, c := range s.components {
		loose := c.none
		for host, tasks := range c.on {
			for len(tasks) > counts[i][host] {
				last := len(tasks) - 1
				for last > 0 && tasks[last].pinned {
					last--
				}
				loose = append(loose, tasks[last].task)
				tasks = slices.Delete(tasks, last, last+1)
			}
		}
		slices.Sort(loose)
		for host, tasks := range c.on {
			for range counts[i][host] - len(tasks) {
				all = append(all, move{loose[0], host})
				loose = loose[1:]
			}
		}
	}
	slices.SortFunc(all, func(a, b move) int { return a.task - b.task })
	return all
}

// counts says how many tasks of each component each host gets.
func (s *spread) counts() [][]int {
	f := newFlow(2 + len(s.components) + 2*s.hosts)
	spoutsOf := func(host int) int { return 2 + len(s.components) + host }
	totalOf := func(host int) int { return spoutsOf(host) + s.hosts }
	const source, sink = 0, 1
	edges := make([][][]int, len(s.components)) // by component and host
	for i, c := range s.components {
		node := 2 + i
		f.edge(source, node, c.size, 0)
		edges[i] = make([][]int, s.hosts)
		for host := range s.hosts {
			to := totalOf(host)
			if c.spout {
				to = spoutsOf(host)
			}
			edges[i][host] = f.convex(node, to, c.size, s.cost(c, host))
		}
	}
	tilts := func(size int) func(int) int64 {
		return func(n int) int64 { return tilt(n, size, s.hosts) * s.perTilt() }
	}
	for host := range s.hosts {
		f.convex(spoutsOf(host), totalOf(host), s.spouts, tilts(s.spouts))
		f.convex(totalOf(host), sink, s.tasks, tilts(s.tasks))
	}
	f.run(source, sink)
	return f.sums(edges)
}

// The orders of magnitude of costs. One move of a spout task costs one more than that
// of a bolt's.
func (s *spread) perMove() int64 { return int64(s.tasks + 1) }
func (s *spread) perTilt() int64 { return s.perMove() * (s.perMove() + 1) }
func (s *spread) perPin() int64  { return s.perTilt() * int64(4*s.tasks+1) }

// cost is what the n-th task, from 0, of c on host costs.
func (s *spread) cost(c component, host int) func(n int) int64 {
	change := s.perMove()
	if c.spout {
		change++
	}
	pins := 0
	for _, t := range c.on[host] {
		if t.pinned {
			pins++
		}
	}
	return func(n int) int64 {
		cost := tilt(n, c.size, s.hosts) * s.perTilt()
		if n < pins {
			cost -= s.perPin()
		}
		if n >= len(c.on[host]) {
			cost += change
		}
		return cost
	}
}

// tilt is what a host's task n, from 0, of size over hosts does to evenness: below
// the even share it is wanted, beyond it it is not, and the odd ones cost nothing.
func tilt(n, size, hosts int) int64 {
	switch {
	case n < size/hosts:
		return -1
	case n < (size+hosts-1)/hosts:
		return 0
	}
	return 1
}

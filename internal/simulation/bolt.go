package simulation

import (
	"math/rand/v2"
	"slices"

	"github.com/waterspout/waterspout/acker"
	"github.com/waterspout/waterspout/internal/frame"
	"github.com/waterspout/waterspout/tuple"
)

// Edges are random, one generator for each task (E2).
type edges struct{ rand.PCG }

func newEdges(s *simulation) (e edges) {
	e.Seed(s.rng.Uint64(), s.rng.Uint64())
	return e
}

func (e *edges) next() uint64 {
	for {
		if w := e.Uint64(); w != 0 {
			return w
		}
	}
}

// An input is a tuple that was delivered to a bolt, and the words of its acks.
type input struct {
	links []tuple.Link // edges: with those of its children
	node  node
}

// A boltTask is a task of a bolt: it takes parcels out of its inbox, one tuple after
// the other.
type boltTask struct {
	tenant     *tenant
	sim        *simulation
	component  int
	edges      edges
	inbox      []*parcel
	hand       []input
	busy       bool
	held       []input  // of a join
	confirming []*input // of a sink
}

func newBoltTask(t *tenant) *boltTask {
	return &boltTask{tenant: t, sim: t.session.sim, component: shape[t.at.Task].Component, edges: newEdges(t.session.sim)}
}

func (b *boltTask) idle() bool {
	return len(b.inbox)+len(b.hand)+len(b.held)+len(b.confirming) == 0 && !b.busy
}

// wake has it go on, if it has something to do and is not blocked.
func (b *boltTask) wake() {
	if b.busy || b.tenant.ended || len(b.tenant.out) > 0 || len(b.inbox)+len(b.hand) == 0 {
		return
	}
	b.busy = true
	d := b.sim.rng.Int64N(5 * milli)
	if b.sim.slow(b.tenant.at.Task) {
		d += b.sim.rng.Int64N(200 * milli)
	}
	b.tenant.session.after(d, b.turn)
}

func (b *boltTask) turn() {
	b.busy = false
	if b.tenant.ended {
		return
	}
	if len(b.hand) == 0 {
		p := b.inbox[0]
		b.inbox = b.inbox[1:]
		b.hand = unpack(p.body)
		p.done()
		b.tenant.session.pump()
	}
	in := b.hand[0]
	b.hand = b.hand[1:]
	b.execute(in)
	b.wake()
	if b.idle() {
		b.tenant.session.fiber.wake()
	}
}

func unpack(body []byte) (all []input) {
	for ts := frame.NewTuples(body); ; {
		lin, value, ok := ts.Next()
		if !ok {
			must(ts.Err())
			return all
		}
		all = append(all, input{links(&lin), nodeOf(value)})
	}
}

func (b *boltTask) execute(in input) {
	if b.sim.strike(b.sim.plan.panics) {
		b.fail(in, tuple.Error)
		return
	}
	switch b.component {
	case mids:
		b.split(in)
	case joins:
		b.held = append(b.held, in)
		if len(b.held) >= 2 {
			b.flush()
		} else {
			b.tenant.session.after(second, b.flush)
		}
	case sinks:
		b.write(in)
	}
}

// split emits one or two children. An only one has the input's edges, and nothing is
// said to the ledgers (E4).
func (b *boltTask) split(in input) {
	ins := []input{in}
	var children attempt
	n := 1 + b.sim.rng.IntN(2)
	for range n {
		to := sinks
		if b.sim.rng.IntN(3) == 0 {
			to = joins
		}
		if n == 1 {
			children = attempt{b.send(to, ins, in.links)}
			break
		}
		children = append(children, b.emit(to, ins))
	}
	b.sim.executed(in.node, children)
	if n > 1 {
		b.ack(ins[0])
	}
}

// flush joins what is held. It is called by time, too (T4).
func (b *boltTask) flush() {
	if b.tenant.ended || len(b.held) == 0 {
		return
	}
	ins := b.held
	b.held = nil
	child := b.emit(sinks, ins)
	for _, in := range ins {
		b.sim.executed(in.node, attempt{child})
		b.ack(in)
	}
	b.tenant.session.fiber.wake()
}

// write hands the input to the broker, and acks it from the answer (W1).
func (b *boltTask) write(in input) {
	b.confirming = append(b.confirming, &in)
	written := !b.sim.strike(b.sim.plan.panics)
	d := 5*milli + b.sim.rng.Int64N(50*milli) + max(b.sim.stuck-b.sim.now, 0)
	if written {
		b.sim.after(d/2, func() { b.sim.confirm(in.node) }) // even if the process dies
	}
	b.tenant.session.after(d, func() {
		if b.tenant.ended {
			return
		}
		b.confirming = slices.DeleteFunc(b.confirming, func(i *input) bool { return i == &in })
		if written {
			b.ack(in)
		} else {
			b.fail(in, tuple.Error)
		}
		b.tenant.session.fiber.wake()
	})
}

// emit makes a child of inputs, with one edge for each anchor (E1).
func (b *boltTask) emit(component int, ins []input) node {
	var lin lineage
	for i := range ins {
		for k := range ins[i].links {
			l := &ins[i].links[k]
			edge := b.edges.next()
			l.Edge ^= edge
			lin.add(l.Root, edge)
		}
	}
	return b.send(component, ins, lin)
}

// send hands a child of inputs to a task of a component.
func (b *boltTask) send(component int, ins []input, lin lineage) node {
	first, n := tasksOf(component)
	child := b.sim.grow()
	b.sim.descend(child, ins)
	b.tenant.put(first+b.sim.rng.IntN(n), b.sim.pack(lin.lineage(), child))
	return child
}

func (b *boltTask) ack(in input) {
	for _, l := range in.links {
		p := acker.Pair{Root: l.Root, Word: l.Edge}
		b.sim.consumed(in.node, p)
		b.tenant.session.put(p)
	}
}

func (b *boltTask) fail(in input, kind tuple.Kind) {
	for _, l := range in.links {
		b.tenant.session.failRoot(l.Root, kind)
	}
}

// forsake fails all that the task has not finished (T3).
func (b *boltTask) forsake() {
	for _, p := range b.inbox {
		b.hand = append(b.hand, unpack(p.body)...)
		p.done()
	}
	for _, in := range b.confirming {
		b.hand = append(b.hand, *in)
	}
	for _, in := range append(b.hand, b.held...) {
		b.fail(in, tuple.Lost)
	}
	for _, x := range b.tenant.out {
		for _, root := range x.roots {
			b.tenant.session.failRoot(root, tuple.Lost)
		}
	}
}

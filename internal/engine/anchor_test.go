package engine

import (
	"context"
	"log/slog"
	"math/big"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/waterspout/waterspout/acker"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/internal/mailbox"
	"github.com/waterspout/waterspout/tuple"
)

// A bench is a bolt task without its loop and its bolt: what comes of its emits
// and acks can be looked at.
type bench struct {
	core   *boltCore
	outlet *outlet[int]
	boxes  []*mailbox.Box[tuple.Tuple[int]]
}

// newBench makes a task that emits to that many tasks, under lanes 1 to lanes.
func newBench(lanes, targets int, g grouping.Grouping[int]) *bench {
	r := newRun(context.Background(), Options{Log: slog.New(slog.DiscardHandler)})
	node := &Node{Name: "bench", Parallelism: targets, MaxPending: 1024, Timeout: 1}
	comp := &component{run: r, node: node}
	for range lanes {
		r.enlist(newLane(comp, comp.info(0), uint32(len(r.lanes)+1)))
	}
	core := &boltCore{run: r, comp: comp, ctx: context.Background(), edges: newEdges(), park: mailbox.NewPark()}
	core.holds = &holds{core: core}
	b := &bench{core: core}
	var sinks []sink[int]
	for range targets {
		box := mailbox.New[tuple.Tuple[int]](0, mailbox.NewPark())
		b.boxes = append(b.boxes, box)
		sinks = append(sinks, box)
	}
	r0 := newRouter(edge[int]{g, node, 0}, comp, sinks)
	if err := r0.ask(); err != nil {
		panic(err)
	}
	b.outlet = &outlet[int]{core, []*router[int]{r0}}
	core.routers = []flusher{r0}
	return b
}

// sent are the tuples that were handed over, by target.
func (b *bench) sent() (all [][]tuple.Tuple[int]) {
	b.core.flush()
	for _, box := range b.boxes {
		all = append(all, append([]tuple.Tuple[int]{}, box.Take(nil)...))
	}
	return all
}

// words are the pairs that came to the lanes, summed by root.
func (b *bench) words() map[tuple.Root]uint64 {
	b.core.flush()
	sums := map[tuple.Root]uint64{}
	for _, l := range b.core.run.lanes {
		for _, p := range l.pairs.Take(nil) {
			sums[p.Root] ^= p.Word
		}
	}
	return sums
}

// links are a tuple's, one per root.
func links(lin *tuple.Lineage) (all []tuple.Link) {
	if lin.Root != 0 {
		all = append(all, lin.Link)
	}
	if lin.More != nil {
		all = append(all, *lin.More...)
	}
	return all
}

// TestEdges makes a random graph: each step executes a tuple that waits, holds it
// or not, and emits, to one or all targets, anchored to it and to any held ones,
// also to several of one root, and twice to the same. The word of a root is zero
// when all of its tuples were consumed, and never before (E1, E4, T1).
func TestEdges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const lanes = 2
		all := rapid.Bool().Draw(t, "all")
		g := grouping.Global[int]
		if all {
			g = grouping.All[int]
		}
		w := &graph{t: t, bench: newBench(lanes, 3, g), words: map[tuple.Root]uint64{}, alive: map[tuple.Root]int{}}
		if rapid.Bool().Draw(t, "staged") { // then an only tuple moves (E4)
			w.core.comp.cost.Store(1000)
		}
		for i := range rapid.IntRange(1, 3).Draw(t, "roots") {
			w.root(tuple.NewRoot(uint32(1+i%lanes), uint64(i)))
		}
		for range rapid.IntRange(0, 25).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				w.settle()
			case 1:
				w.tick()
			default:
				w.execute(2)
			}
			w.check()
		}
		for len(w.wait)+len(w.held) > 0 {
			if rapid.Bool().Draw(t, "settle") {
				w.settle()
			} else {
				w.execute(0)
			}
			w.check()
		}
	})
}

// A graph is the oracle of TestEdges: it counts tuples.
type graph struct {
	t *rapid.T
	*bench
	words map[tuple.Root]uint64
	alive map[tuple.Root]int // tuples under the root that are not consumed
	wait  []tuple.Tuple[int]
	held  []heldTuple
}

type heldTuple struct {
	tuple.Held
	lin tuple.Lineage
}

func (w *graph) root(root tuple.Root) {
	for range rapid.IntRange(1, 2).Draw(w.t, "first tuples") {
		edge := w.core.edges.next()
		w.words[root] ^= edge
		w.alive[root]++
		w.wait = append(w.wait, tuple.Tuple[int]{Lineage: tuple.Lineage{Link: tuple.Link{Root: root, Edge: edge}}})
	}
}

func (w *graph) execute(most int) {
	if len(w.wait) == 0 {
		return
	}
	i := rapid.IntRange(0, len(w.wait)-1).Draw(w.t, "tuple")
	in := w.wait[i]
	w.wait = append(w.wait[:i:i], w.wait[i+1:]...)
	w.core.at.begin(&in.Lineage)
	hold := func() {
		w.held = append(w.held, heldTuple{w.core.holds.hold(&w.core.at), in.Lineage})
	}
	when := rapid.IntRange(-1, most).Draw(w.t, "hold before emit")
	for e := range rapid.IntRange(0, most).Draw(w.t, "emits") {
		if e == when {
			hold()
		}
		w.outlet.Emit(e, w.anchors(0))
	}
	held := w.core.at.held != 0
	w.core.finish(nil)
	if !held {
		w.consumed(&in.Lineage)
	}
}

// tick emits without a current input.
func (w *graph) tick() {
	if len(w.held) > 0 {
		w.outlet.Emit(0, w.anchors(1))
	}
}

// anchors are held inputs, perhaps one of them twice.
func (w *graph) anchors(least int) (also []tuple.Held) {
	for range rapid.IntRange(least, min(3, least+len(w.held))).Draw(w.t, "anchors") {
		if len(w.held) > 0 {
			also = append(also, rapid.SampledFrom(w.held).Draw(w.t, "anchor").Held)
		}
	}
	return also
}

func (w *graph) settle() {
	if len(w.held) == 0 {
		return
	}
	i := rapid.IntRange(0, len(w.held)-1).Draw(w.t, "held")
	h := w.held[i]
	w.held = append(w.held[:i:i], w.held[i+1:]...)
	h.Ack()
	h.Fail(nil) // the first outcome counts (T2)
	w.consumed(&h.lin)
}

func (w *graph) consumed(lin *tuple.Lineage) {
	for _, l := range links(lin) {
		w.alive[l.Root]--
	}
}

func (w *graph) check() {
	for _, tuples := range w.sent() {
		for _, t := range tuples {
			seen := map[tuple.Root]bool{}
			for _, l := range links(&t.Lineage) {
				if seen[l.Root] {
					w.t.Fatalf("a tuple has root %v twice", l.Root)
				}
				seen[l.Root] = true
				w.alive[l.Root]++
			}
			w.wait = append(w.wait, t)
		}
	}
	for root, word := range w.bench.words() {
		w.words[root] ^= word
	}
	for root, alive := range w.alive {
		if alive == 0 != (w.words[root] == 0) {
			w.t.Fatalf("root %v: %d tuples are not consumed, and its word is %x (E1)", root, alive, w.words[root])
		}
	}
	for _, l := range w.core.run.lanes {
		if l.fails.Queued() > 0 {
			w.t.Fatal("something failed")
		}
	}
}

// TestZeroIsRedrawn starts the generator where its next number is zero (E2): the
// step of PCG-DXSM, state*a+c mod 2^128, undone for a state whose high half is 0.
func TestZeroIsRedrawn(t *testing.T) {
	number := func(hi, lo uint64) *big.Int {
		n := new(big.Int).SetUint64(hi)
		return n.Lsh(n, 64).Add(n, new(big.Int).SetUint64(lo))
	}
	mod := new(big.Int).Lsh(big.NewInt(1), 128)
	a := number(2549297995355413924, 4865540595714422341)
	c := number(6364136223846793005, 1442695040888963407)
	state := new(big.Int).Sub(big.NewInt(12345), c)
	state.Mul(state, a.ModInverse(a, mod)).Mod(state, mod)
	hi := new(big.Int).Rsh(state, 64).Uint64()
	lo := new(big.Int).And(state, number(0, 1<<64-1)).Uint64()
	if w := rand.NewPCG(hi, lo).Uint64(); w != 0 {
		t.Fatalf("the generator gives %x, so this test tests nothing", w)
	}
	e := edges{*rand.NewPCG(hi, lo)}
	if e.next() == 0 {
		t.Error("an edge is zero")
	}
}

// TestTasksDrawDifferentEdges (E2).
func TestTasksDrawDifferentEdges(t *testing.T) {
	seen := map[uint64]bool{}
	for range 64 {
		e := newEdges()
		for range 64 {
			w := e.next()
			if seen[w] {
				t.Fatal("two edges are equal")
			}
			seen[w] = true
		}
	}
}

// TestNoAllocationPerTuple is the way of a tuple with one root through a task.
func TestNoAllocationPerTuple(t *testing.T) {
	b := newBench(1, 3, grouping.Shuffle[int])
	b.core.comp.cost.Store(1000)
	lin := tuple.Lineage{Link: tuple.Link{Root: tuple.NewRoot(1, 1), Edge: 1}}
	batches := make([][]tuple.Tuple[int], len(b.boxes))
	var pairs []acker.Pair
	turn := func() {
		for range 1000 {
			b.core.at.begin(&lin)
			b.outlet.Emit(1, nil)
			b.core.finish(nil)
			lin.Root++
		}
		b.core.flush()
		for i, box := range b.boxes {
			batches[i] = box.Take(batches[i])
		}
		pairs = b.core.run.lanes[0].pairs.Take(pairs)
	}
	for range 8 {
		turn()
	}
	if n := testing.AllocsPerRun(50, turn); n > 5 {
		t.Errorf("%v allocations in 1000 tuples", n)
	}
}

package acker

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/waterspout/waterspout/tuple"
)

// A ghost is the tree of executions below one emit, the oracle of the ledger:
// it knows of tuples, of executions and of pairs, and nothing of XOR words.
type ghost struct {
	root    tuple.Root
	id      uint64
	first   []*ghostTuple
	born    int64
	hot     int64
	open    bool
	expired bool
	sum     uint64 // of what was told about it while it was open, for Clean
	whole   int    // pairs on their way or undone, until every tuple is acked
	dirty   bool   // a tuple was executed twice, or a pair doubled or lost
}

type ghostTuple struct {
	edge uint64
	runs []*execution
}

// An execution is one run of a bolt on a tuple.
type execution struct {
	made []*ghostTuple
	told bool // its pair reached the ledger
}

// done reports whether some execution of t told the ledger and all that it made
// is done.
func (t *ghostTuple) done() bool {
	return slices.ContainsFunc(t.runs, func(e *execution) bool { return e.told && allDone(e.made) })
}

func allDone(ts []*ghostTuple) bool {
	return !slices.ContainsFunc(ts, func(t *ghostTuple) bool { return !t.done() })
}

// A delivery is a tuple that waits for a bolt, a message one for the ledger.
type delivery struct {
	of    *ghost
	tuple *ghostTuple
}

type message struct {
	of   *ghost
	by   *execution
	pair Pair
}

// A world is a ledger with everything that is on its way to it.
type world struct {
	t        *rapid.T
	edges    *rand.Rand
	ledger   *Ledger
	instance uint32
	now      int64
	ghosts   []*ghost
	inboxes  []delivery
	pairs    []message
}

const (
	attempts = 6
	idle     = 5
	age      = 7
)

// TestLedgerAgainstGhostTrees plays random interleavings of everything that may
// happen to up to six roots over a ring of two or four slots.
func TestLedgerAgainstGhostTrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{t: t, instance: 1, now: 1, edges: rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "edges"), 1))}
		w.ledger = New(w.instance, rapid.IntRange(1, 2).Draw(t, "max"))
		once := rapid.Bool().Draw(t, "each once")
		actions := map[string]func(*rapid.T){
			"":        func(*rapid.T) { w.check() },
			"open":    func(*rapid.T) { w.open() },
			"execute": func(*rapid.T) { w.execute(false) },
			"tell":    func(*rapid.T) { w.deliver(false) },
			"settle":  func(*rapid.T) { w.settle() },
			"fail":    func(*rapid.T) { w.fail() },
			"expire":  func(*rapid.T) { w.expire() },
		}
		if !once {
			actions["execute twice"] = func(*rapid.T) { w.execute(true) }
			actions["tell twice"] = func(*rapid.T) { w.deliver(true) }
			actions["lose"] = func(*rapid.T) { w.lose() }
			actions["lose worker"] = func(*rapid.T) { w.failAll() }
			actions["restart"] = func(*rapid.T) { w.restart() }
		}
		t.Repeat(actions)
	})
}

func pick[T any](w *world, from []T, name string) (int, T) {
	if len(from) == 0 {
		w.t.Skip("no " + name)
	}
	i := rapid.IntRange(0, len(from)-1).Draw(w.t, name)
	return i, from[i]
}

func (w *world) tuples(of *ghost, atLeast int) (made []*ghostTuple, word uint64) {
	for range rapid.IntRange(atLeast, 2).Draw(w.t, "tuples") {
		t := &ghostTuple{edge: w.edges.Uint64()}
		made = append(made, t)
		w.inboxes = append(w.inboxes, delivery{of, t})
		word ^= t.edge
		of.whole++
	}
	return made, word
}

func (w *world) open() {
	if len(w.ghosts) == attempts {
		w.t.Skip("enough")
	}
	full := w.ledger.Len() == len(w.ledger.ring)
	g := &ghost{id: uint64(len(w.ghosts)), born: w.now, hot: w.now, open: true}
	inboxes := len(w.inboxes)
	var word uint64
	g.first, word = w.tuples(g, 1)
	root, ok := w.ledger.Open(g.id, word, w.now)
	if ok == full {
		w.t.Fatalf("Open said %v with %d open of %d slots", ok, w.ledger.Len(), len(w.ledger.ring))
	}
	if !ok {
		w.inboxes = w.inboxes[:inboxes]
		return
	}
	for _, other := range w.ghosts {
		if other.root == root {
			w.t.Fatalf("attempt %d got root %v of attempt %d (L3, L5)", g.id, root, other.id)
		}
	}
	g.root, g.sum = root, word
	w.ghosts = append(w.ghosts, g)
}

// execute runs a bolt on a tuple that waits, whose pair is then on its way; again
// leaves the tuple to be run once more, as a frame that comes twice.
func (w *world) execute(again bool) {
	i, d := pick(w, w.inboxes, "tuple")
	if again {
		d.of.dirty = true
	} else {
		w.inboxes = slices.Delete(w.inboxes, i, i+1)
	}
	e := &execution{}
	made, word := w.tuples(d.of, 0)
	e.made = made
	d.tuple.runs = append(d.tuple.runs, e)
	w.pairs = append(w.pairs, message{d.of, e, Pair{d.of.root, d.tuple.edge ^ word}})
}

func (w *world) lose() {
	i, m := pick(w, w.pairs, "pair")
	m.of.dirty = true
	w.pairs = slices.Delete(w.pairs, i, i+1)
}

// settle delivers what is on its way and executes what waits, without new
// tuples: so trees come to their end.
func (w *world) settle() {
	for len(w.inboxes) > 0 {
		d := w.inboxes[0]
		w.inboxes = w.inboxes[1:]
		e := &execution{}
		d.tuple.runs = append(d.tuple.runs, e)
		w.pairs = append(w.pairs, message{d.of, e, Pair{d.of.root, d.tuple.edge}})
	}
	for len(w.pairs) > 0 {
		w.deliver(false)
	}
}

func (w *world) deliver(again bool) {
	i, m := pick(w, w.pairs, "pair")
	if again {
		m.of.dirty = true
	} else {
		w.pairs = slices.Delete(w.pairs, i, i+1)
	}
	m.by.told = true
	m.of.whole--
	ended, event := w.ledger.Pair(m.pair, w.now)
	if !m.of.open {
		w.late(m.of, event)
		return
	}
	m.of.hot = w.now
	m.of.sum ^= m.pair.Word
	switch {
	case event == Done && !allDone(m.of.first):
		w.t.Fatalf("attempt %d is done, its tree is not", m.of.id)
	case event == Done:
		w.end(ended)
	case event != Pending:
		w.t.Fatalf("event %d for attempt %d, which is open", event, m.of.id)
	case !m.of.dirty && m.of.whole == 0:
		w.t.Fatalf("attempt %d is pending, its tree is done", m.of.id)
	}
}

// late judges an event of an attempt that ended before.
func (w *world) late(g *ghost, event Event) {
	switch {
	case event == False && g.expired && allDone(g.first):
		g.expired = false // it is told once
	case event == False:
		w.t.Fatalf("attempt %d is false, but expired %v, tree done %v", g.id, g.expired, allDone(g.first))
	case event != Late:
		w.t.Fatalf("event %d for attempt %d, which ended (L2)", event, g.id)
	case g.expired && !g.dirty && g.whole == 0:
		w.t.Fatalf("attempt %d expired and then was done, and nobody was told (O3)", g.id)
	}
}

func (w *world) end(e Ended) *ghost {
	i := slices.IndexFunc(w.ghosts, func(g *ghost) bool { return g.root == e.Root })
	if i < 0 || !w.ghosts[i].open {
		w.t.Fatalf("%+v ended, which was not open", e)
	}
	g := w.ghosts[i]
	if e.ID != g.id || e.Born != g.born {
		w.t.Fatalf("%+v ended, want %+v", e, *g)
	}
	g.open = false
	return g
}

func (w *world) fail() {
	_, g := pick(w, w.ghosts, "attempt")
	ended, event := w.ledger.Fail(g.root)
	want := Late
	if g.open {
		want = Done
	}
	if event != want {
		w.t.Fatalf("fail of attempt %d: event %d, want %d (L7)", g.id, event, want)
	}
	g.expired = false
	if event == Done {
		w.end(ended)
	}
}

func (w *world) expire() {
	w.now += rapid.Int64Range(0, 4).Draw(w.t, "later")
	var due, ended []string
	next := int64(0)
	for _, g := range w.ghosts {
		if at := min(g.hot+idle, g.born+age); g.open && at <= w.now {
			due = append(due, g.root.String())
		} else if g.open && (next == 0 || at < next) {
			next = at
		}
	}
	expired, at := w.ledger.Expire(nil, w.now, idle, age)
	for _, e := range expired {
		ended = append(ended, e.Root.String())
		w.end(e).expired = true
	}
	slices.Sort(due)
	slices.Sort(ended)
	if !slices.Equal(due, ended) || at != next {
		w.t.Fatalf("at %d: %v expired and the next at %d; want %v and %d (O4)", w.now, ended, at, due, next)
	}
}

func (w *world) failAll() {
	for _, e := range w.ledger.FailAll(nil) {
		w.end(e)
	}
	if w.ledger.Len() != 0 {
		w.t.Fatalf("%d trees survived FailAll (L8)", w.ledger.Len())
	}
}

// restart is a crash of the spout's process: the ledger is gone, the tuples and
// pairs of its trees are not.
func (w *world) restart() {
	w.instance++
	size := len(w.ledger.ring)
	w.ledger = New(w.instance, size/2)
	for _, g := range w.ghosts {
		g.open, g.expired = false, false
	}
}

// check holds after every step.
func (w *world) check() {
	open := 0
	for _, g := range w.ghosts {
		s := w.ledger.find(g.root)
		if g.open != (s != nil) {
			w.t.Fatalf("attempt %d: open is %v in the ghost, %v in the ledger", g.id, g.open, s != nil)
		}
		if !g.open {
			continue
		}
		open++
		if s.word != g.sum {
			w.t.Fatalf("the word of attempt %d holds what is not its own (Clean)", g.id)
		}
	}
	if w.ledger.Len() != open || open > len(w.ledger.ring) {
		w.t.Fatalf("%d open in the ghosts, %d in the ledger of %d slots", open, w.ledger.Len(), len(w.ledger.ring))
	}
}

// TestSequenceWraps opens trees over the end of the 40 bits of a sequence.
func TestSequenceWraps(t *testing.T) {
	l := New(3, 4)
	l.next = 1<<40 - 3
	roots := map[tuple.Root]bool{}
	for i := range uint64(6) {
		root, ok := l.Open(i, 1, 0)
		if !ok || roots[root] || root.Instance() != 3 {
			t.Fatalf("open %d: root %v, %v", i, root, ok)
		}
		roots[root] = true
	}
	for root := range roots {
		if _, event := l.Pair(Pair{root, 1}, 0); event != Done {
			t.Errorf("root %v: event %d", root, event)
		}
	}
}

// TestOldestAfterManyTrees asks for the oldest tree when very many have ended since it was
// asked last, and over the end of the 40 bits of a sequence: it is not looked for among them
// one by one.
func TestOldestAfterManyTrees(t *testing.T) {
	for _, next := range []uint64{1 << 32, 1<<40 - 2, 1<<40 + 1<<32} {
		l := New(3, 4)
		l.next, l.oldest = next, next-1<<32
		var roots []tuple.Root
		for born := int64(5); born < 9; born++ {
			root, _ := l.Open(0, 1, born)
			roots = append(roots, root)
		}
		began := time.Now()
		for i, root := range roots {
			if born := l.Oldest(); born != int64(5+i) {
				t.Errorf("at %d the oldest is of %d, want %d", next, born, 5+i)
			}
			l.Pair(Pair{root, 1}, 9)
		}
		if d := time.Since(began); d > time.Second {
			t.Errorf("it took %v", d)
		}
	}
}

// TestExpiredIsBounded keeps the memory of trees that timed out small.
func TestExpiredIsBounded(t *testing.T) {
	l := New(1, 1)
	for i := range int64(3 * ghosts) {
		if _, ok := l.Open(uint64(i), 1, i); !ok {
			t.Fatal("full")
		}
		l.Expire(nil, i+idle, idle, age)
	}
	if len(l.expired) > ghosts+1 {
		t.Errorf("%d expired trees are remembered", len(l.expired))
	}
}

// TestLedgerAllocatesNothing is about the hot path, of which an acked tuple takes
// a share.
func TestLedgerAllocatesNothing(t *testing.T) {
	l := New(1, 1024)
	if n := testing.AllocsPerRun(1000, func() {
		root, _ := l.Open(1, 3, 1)
		l.Pair(Pair{root, 1}, 1)
		l.Pair(Pair{root, 2}, 1)
	}); n != 0 {
		t.Errorf("%v allocations for a tree", n)
	}
}

// BenchmarkTree opens and ends a tree of two tuples beside others that stay open.
// Its time must not depend on how many: within 20 % from 100 to 100,000.
func BenchmarkTree(b *testing.B) {
	for _, pending := range []int{100, 1_000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("pending=%d", pending), func(b *testing.B) {
			l := New(1, pending)
			roots := make([]tuple.Root, pending)
			for i := range roots {
				roots[i], _ = l.Open(uint64(i), 3, 1)
			}
			i := 0
			for b.Loop() {
				l.Pair(Pair{roots[i], 1}, 2)
				l.Pair(Pair{roots[i], 2}, 2)
				roots[i], _ = l.Open(uint64(i), 3, 2)
				if i++; i == pending {
					i = 0
				}
			}
		})
	}
}

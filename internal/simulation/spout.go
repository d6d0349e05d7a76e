package simulation

import (
	"github.com/waterspout/waterspout/acker"
	"github.com/waterspout/waterspout/internal/frame"
	"github.com/waterspout/waterspout/internal/lowwater"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/tuple"
)

const (
	maxPending = 8
	timeout    = 30 * second
	ageLimit   = 10
)

var backoff = spout.Retry{Backoff: 100e6, Max: 1e9}

// A spoutTask is a spout task with its ledger. What it reads is a partition of its
// own, whose consumer group fences former owners.
type spoutTask struct {
	tenant     *tenant
	sim        *simulation
	task       int
	ledger     *acker.Ledger
	window     *acker.Window
	tracker    *lowwater.Tracker[int64]
	trees      map[tuple.Root]tree
	generation int // in the consumer group
	edges      edges
	over       bool // it is told nothing any more
}

// A tree is what is open under a root.
type tree struct {
	try  attempt
	life life
}

func newSpoutTask(t *tenant) *spoutTask {
	return &spoutTask{tenant: t, sim: t.session.sim, task: int(t.at.Task), trees: map[tuple.Root]tree{}, edges: newEdges(t.session.sim)}
}

func (sp *spoutTask) open() {
	sp.ledger = acker.New(sp.tenant.at.Instance, maxPending)
	sp.window = acker.NewWindow(maxPending, timeout)
	if sp.tenant.stopped {
		return
	}
	p := sp.sim.partition(sp.task)
	sp.generation = p.join()
	sp.tracker = lowwater.New(p.committed, func(o *int64) int64 { return *o })
	var records []int64
	for o := p.committed; o < p.size; o++ {
		records = append(records, o)
	}
	sp.tracker.Add(records, p.size, 0)
	sp.turn()
	sp.tick()
}

func (sp *spoutTask) pending() int {
	if sp.ledger == nil {
		return 0
	}
	return sp.ledger.Len()
}

// active says that it may emit.
func (sp *spoutTask) active() bool {
	s := sp.tenant.session
	return sp.tracker != nil && !sp.over && !sp.tenant.stopped && !s.suspended && s.process.alive && !s.process.paused
}

// turn emits if it may, again and again.
func (sp *spoutTask) turn() {
	if sp.over || sp.tenant.stopped {
		return
	}
	if sp.active() && len(sp.tenant.out) == 0 && sp.pending() < sp.window.Size() {
		sp.next()
	}
	sp.tenant.session.after(sp.sim.rng.Int64N(sp.sim.plan.gap), sp.turn)
}

func (sp *spoutTask) next() {
	number, offset, again := sp.tracker.Due(date(sp.sim.now))
	if again {
		sp.sim.replays++
	} else {
		first, records := sp.tracker.Take(1)
		if len(records) == 0 {
			return
		}
		number, offset = first, records[0]
	}
	sp.sim.alone(sp)
	sp.emit(number, offset)
}

// emit opens a tree before its first tuple leaves (L1).
func (sp *spoutTask) emit(number uint64, offset int64) {
	first, n := tasksOf(mids)
	var (
		try     attempt
		word    uint64
		lineage []tuple.Link
	)
	for range 1 + sp.sim.rng.IntN(2) {
		edge := sp.edges.next()
		word ^= edge
		lineage = append(lineage, tuple.Link{Edge: edge})
		try = append(try, sp.sim.grow())
	}
	root, ok := sp.ledger.Open(number, word, sp.sim.now+1)
	if !ok {
		panic("the ledger is full although max pending was kept")
	}
	sp.trees[root] = tree{try, sp.sim.born(root, try)}
	sp.sim.partition(sp.task).try(offset, try)
	for i, l := range lineage {
		l.Root = root
		sp.tenant.put(first+sp.sim.rng.IntN(n), sp.sim.pack(tuple.Lineage{Link: l}, try[i]))
	}
}

// pair takes in an ack.
func (sp *spoutTask) pair(p acker.Pair) {
	if sp.over || sp.ledger == nil {
		return
	}
	e, event := sp.ledger.Pair(p, sp.sim.now+1)
	if event == acker.Pending || event == acker.Done {
		sp.sim.clean(sp, p)
	}
	switch event {
	case acker.Done:
		if !sp.sim.whole(sp.trees[e.Root].try) {
			sp.sim.fault("S3: %v of spout task %d is done, and its tree is not", e.Root, sp.task)
		}
		delete(sp.trees, e.Root)
		sp.window.Acked(1)
		sp.tracker.Ack(e.ID)
	case acker.False:
		sp.window.False()
	}
}

func (sp *spoutTask) fail(root tuple.Root, kind tuple.Kind) {
	if sp.over || sp.ledger == nil {
		return
	}
	if e, event := sp.ledger.Fail(root); event == acker.Done {
		sp.failed(e, kind)
	}
}

// failed takes in that a tree ended without being done.
func (sp *spoutTask) failed(e acker.Ended, kind tuple.Kind) {
	delete(sp.trees, e.Root)
	if kind == tuple.Timeout {
		sp.sim.timedOut(sp, e)
	}
	sp.tracker.Fail(e.ID, kind, backoff, date(sp.sim.now), sp.sim.rng.Float64())
}

// tick looks for timeouts, and commits.
func (sp *spoutTask) tick() {
	if sp.over {
		return
	}
	now := sp.sim.now + 1
	ended, _ := sp.ledger.Expire(nil, now, sp.window.Timeout(), ageLimit*timeout)
	for _, e := range ended {
		sp.failed(e, tuple.Timeout)
	}
	if len(ended) > 0 {
		sp.window.Expired(now)
	}
	sp.commit()
	sp.tenant.session.after(second/4+sp.sim.rng.Int64N(second/2), sp.tick)
}

func (sp *spoutTask) commit() { sp.sim.partition(sp.task).commit(sp.generation, sp.tracker.Low()) }

// stop makes it emit no more, replays neither (D1).
func (sp *spoutTask) stop() {
	if sp.tracker != nil {
		sp.tracker.Stop()
	}
}

// close commits what there is to commit, and fails what is open.
func (sp *spoutTask) close() {
	if sp.tracker != nil && !sp.over {
		for _, e := range sp.ledger.FailAll(nil) {
			sp.failed(e, tuple.Shutdown)
		}
		sp.commit()
	}
	sp.over = true
}

// A lineage gathers links, joining those of one root.
type lineage []tuple.Link

func (l *lineage) add(root tuple.Root, edge uint64) {
	for i := range *l {
		if (*l)[i].Root == root {
			(*l)[i].Edge ^= edge
			return
		}
	}
	*l = append(*l, tuple.Link{Root: root, Edge: edge})
}

func (l lineage) lineage() tuple.Lineage {
	lin := tuple.Lineage{Link: l[0]}
	if len(l) > 1 {
		more := []tuple.Link(l[1:])
		lin.More = &more
	}
	return lin
}

func links(l *tuple.Lineage) []tuple.Link {
	all := []tuple.Link{l.Link}
	if l.More != nil {
		all = append(all, *l.More...)
	}
	return all
}

// pack makes a section of one tuple, whose value is the number of its node and some
// bytes of nothing.
func (s *simulation) pack(lin tuple.Lineage, n node) section {
	x := section{Section: frame.Section{Count: 1}}
	b, _ := frame.AppendLineage(nil, &lin, 0)
	b, mark := frame.BeginValue(b)
	b = n.append(b)
	b = append(b, make([]byte, s.rng.IntN(s.plan.padding))...)
	x.Body = frame.EndValue(b, mark)
	s.largest = max(s.largest, len(x.Body))
	x.roots = frame.AppendRoots(nil, x.Body)
	return x
}

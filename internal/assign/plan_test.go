package assign

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// shapes draws a topology: spouts first or anywhere, some components large.
func shapes(most int) *rapid.Generator[Shape] {
	return rapid.Custom(func(t *rapid.T) (s Shape) {
		for c := range rapid.IntRange(1, 4).Draw(t, "components") {
			spout := rapid.Bool().Draw(t, "spout")
			for i := range rapid.IntRange(1, 5).Draw(t, "tasks") {
				if len(s) < most {
					s = append(s, Kind{Spout: spout, Component: c, Index: i})
				}
			}
		}
		return s
	})
}

// A world is workers who learn late what a leader plans.
type world struct {
	t       *rapid.T
	shape   Shape
	doc     Document
	workers []*simWorker
	born    int
	used    map[uint32]bool
}

// A simWorker runs what the document that it saw last allows.
type simWorker struct {
	Member
	doc  Document
	runs map[int]uint32 // instances of spout tasks
}

func (w *world) members() (all []Member) {
	for _, x := range w.workers {
		all = append(all, x.Member)
	}
	return all
}

func (w *world) pick(what string) *simWorker {
	if len(w.workers) == 0 {
		w.t.Skip("nobody is there")
	}
	return rapid.SampledFrom(w.workers).Draw(w.t, what)
}

func (w *world) join() {
	if len(w.workers) > 5 {
		w.t.Skip("enough")
	}
	w.born++
	w.workers = append(w.workers, &simWorker{
		Member: Member{ID: fmt.Sprintf("w-%d", w.born), Status: Status{Joined: int64(w.born)}},
		runs:   map[int]uint32{},
	})
}

// see lets a worker learn the newest document: it starts what it may, and has not yet
// ended what it should.
func (w *world) see() {
	x := w.pick("who sees")
	if !w.doc.Names(x.ID) {
		return
	}
	x.doc, x.Nonce = w.doc, w.doc.Nonce
	for i, k := range w.shape {
		instance := x.doc.Tasks[i].Instance
		_, old := x.runs[i]
		if !old && k.Spout && x.doc.Runs(x.ID, i, k) && !slices.Contains(x.Done, Instance{i, instance}) {
			x.runs[i] = instance
		}
	}
}

// apply lets it end what is not its own any more, and say so.
func (w *world) apply() {
	x := w.pick("who applies")
	for i, instance := range x.runs {
		if s := x.doc.Tasks[i]; s.Placement != (Placement{x.ID, instance}) || s.Done || x.doc.Drain {
			delete(x.runs, i)
		}
	}
	x.Applied = x.doc.Version
	x.Quiet = x.doc.Drain
}

func (w *world) exhaust() {
	x := w.pick("whose task ends")
	for i := range w.shape {
		if instance, runs := x.runs[i]; runs && rapid.Bool().Draw(w.t, "is exhausted") {
			x.Done = append(slices.Clone(x.Done), Instance{i, instance})
			delete(x.runs, i)
		}
	}
}

func (w *world) leave() { w.pick("who leaves").Leaving = true }

func (w *world) crash() {
	x := w.pick("who crashes")
	w.workers = slices.DeleteFunc(w.workers, func(y *simWorker) bool { return x == y })
}

// found begins a new life when all of the former one are gone, as a leader does.
func (w *world) found() {
	if slices.ContainsFunc(w.workers, func(x *simWorker) bool { return w.doc.Names(x.ID) }) {
		return
	}
	w.doc = Found(w.doc, w.doc.Nonce+1)
	clear(w.used)
}

func (w *world) plan() {
	w.found()
	old := w.doc
	next, changed := Plan(old, w.shape, w.members())
	if !changed {
		if diff := cmp.Diff(old, next); diff != "" {
			w.t.Fatalf("not changed, but: %s", diff)
		}
		return
	}
	if next.Version != old.Version+1 {
		w.t.Fatalf("version %d after %d", next.Version, old.Version)
	}
	if again, changed := Plan(next, w.shape, w.members()); changed {
		w.t.Fatalf("planned twice, it changes: %s", cmp.Diff(next, again))
	}
	shuffled := rapid.Permutation(w.members()).Draw(w.t, "order")
	if other, _ := Plan(old, w.shape, shuffled); !cmp.Equal(next, other) {
		w.t.Fatalf("it depends on the order of members: %s", cmp.Diff(next, other))
	}
	if back, err := Decode(next.Encode(), len(w.shape)); err != nil || !cmp.Equal(next, back) {
		w.t.Fatalf("encoded and decoded: %v %s", err, cmp.Diff(next, back))
	}
	w.checkInstances(old, next)
	w.checkPinned(old, next)
	w.checkPlaces(next)
	w.checkEven(next)
	w.doc = next
}

func (w *world) checkInstances(old, next Document) {
	for i, s := range next.Tasks {
		if len(old.Tasks) > 0 && s.Placement == old.Tasks[i].Placement || s.Worker == "" {
			continue
		}
		if w.used[s.Instance] {
			w.t.Fatalf("task %d: instance %d was used before", i, s.Instance)
		}
		w.used[s.Instance] = true
		if s.Moved != next.Version {
			w.t.Fatalf("task %d moved in %d and says %d", i, next.Version, s.Moved)
		}
	}
}

// checkPinned: what is under way, or has nowhere better to go, stays where it is.
func (w *world) checkPinned(old, next Document) {
	for i, s := range old.Tasks {
		pinned := s.Prev != Placement{} && next.Tasks[i].Prev == s.Prev || len(w.stay()) == 0
		if pinned && next.Names(s.Worker) && next.Tasks[i].Placement != s.Placement {
			w.t.Fatalf("task %d moved from %+v to %+v", i, s, next.Tasks[i])
		}
	}
}

func (w *world) stay() (ids []string) {
	for _, x := range w.workers {
		if !x.Leaving && w.isMember(x) {
			ids = append(ids, x.ID)
		}
	}
	return ids
}

func (w *world) isMember(x *simWorker) bool {
	return x.Nonce == 0 || x.Nonce == w.doc.Nonce
}

func (w *world) checkPlaces(doc Document) {
	stay := w.stay()
	for i, s := range doc.Tasks {
		alive := slices.ContainsFunc(w.workers, func(x *simWorker) bool { return x.ID == s.Worker })
		switch {
		case s.Worker != "" && !alive:
			w.t.Fatalf("task %d is on %s, who is gone", i, s.Worker)
		case doc.End || s.Done || len(doc.Workers) == 0:
		case s.Worker == "":
			w.t.Fatalf("task %d is nowhere", i)
		case len(stay) > 0 && !slices.Contains(stay, s.Worker) && s.Prev == Placement{}:
			w.t.Fatalf("task %d is on %s, who leaves, while %v stay", i, s.Worker, stay)
		}
	}
	if doc.Drain && !doc.End && len(stay) > 0 {
		w.t.Fatalf("it drains, and %v stay", stay)
	}
}

// checkEven holds where nothing is pinned: nobody leaves, and no move is under way.
func (w *world) checkEven(doc Document) {
	free := !doc.End && len(w.stay()) == len(doc.Workers)
	for _, s := range doc.Tasks {
		free = free && s.Prev == Placement{}
	}
	if free && len(doc.Workers) > 0 {
		places := make([]int, len(doc.Tasks))
		for i, s := range doc.Tasks {
			places[i] = slices.Index(doc.Workers, s.Worker)
			if s.Done {
				places[i] = -1
			}
		}
		if err := even(w.shape, places, len(doc.Workers)); err != "" {
			w.t.Fatal(err)
		}
	}
}

// even says where places, by task, -1 for those that do not count, are not even.
func even(shape Shape, places []int, hosts int) string {
	groups := map[string][]int{}
	for i, k := range shape {
		names := []string{"in total", fmt.Sprint("of component ", k.Component)}
		if k.Spout {
			names = append(names, "of the spouts")
		}
		for _, name := range names {
			if groups[name] == nil {
				groups[name] = make([]int, hosts)
			}
			if places[i] >= 0 {
				groups[name][places[i]]++
			}
		}
	}
	for name, n := range groups {
		if slices.Max(n)-slices.Min(n) > 1 {
			return fmt.Sprintf("tasks %s: %v", name, n)
		}
	}
	return ""
}

// check is the owner rule, as the workers live it and not as the document has it.
func (w *world) check(t *rapid.T) {
	for i := range w.shape {
		var who []string
		for _, x := range w.workers {
			if _, runs := x.runs[i]; runs {
				who = append(who, x.ID)
			}
		}
		if len(who) > 1 {
			t.Fatalf("spout task %d runs on %v", i, who)
		}
		if len(who) > 0 && len(w.doc.Tasks) > 0 && w.doc.Tasks[i].Done {
			t.Fatalf("spout task %d runs on %v, and is done", i, who)
		}
	}
}

// TestWorld: whatever joins, leaves, crashes, learns late and says what it has done.
func TestWorld(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{t: t, shape: shapes(12).Draw(t, "shape"), doc: Found(Document{}, 1), used: map[uint32]bool{}}
		action := func(f func()) func(*rapid.T) {
			return func(t *rapid.T) { w.t = t; f() }
		}
		w.join()
		t.Repeat(map[string]func(*rapid.T){
			"":     w.check,
			"join": action(w.join), "leave": action(w.leave), "crash": action(w.crash),
			"see": action(w.see), "apply": action(w.apply), "exhaust": action(w.exhaust),
			"plan": action(w.plan), "plan again": action(w.plan),
		})
	})
}

// TestSettles: when nothing more happens but that workers learn and apply, every task
// has one place, no move is under way and all is even.
func TestSettles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{t: t, shape: shapes(12).Draw(t, "shape"), doc: Found(Document{}, 1), used: map[uint32]bool{}}
		for range rapid.IntRange(1, 8).Draw(t, "events") {
			rapid.SampledFrom([]func(){w.join, w.join, func() {
				if len(w.workers) > 1 {
					rapid.SampledFrom([]func(){w.leave, w.crash}).Draw(t, "end")()
				}
			}}).Draw(t, "event")()
			w.plan()
		}
		w.join()
		for range 6 { // a move, its end, and a second one from who leaves
			w.plan()
			for _, x := range w.workers {
				x.doc, x.Nonce, x.Applied = w.doc, w.doc.Nonce, w.doc.Version
			}
		}
		for i, s := range w.doc.Tasks {
			if s.Prev != (Placement{}) {
				t.Fatalf("task %d still moves: %+v", i, s)
			}
		}
		w.workers = slices.DeleteFunc(w.workers, func(x *simWorker) bool { return x.Leaving })
		w.plan()
		w.checkEven(w.doc)
	})
}

// TestFewestMoves: against all placements that there are.
func TestFewestMoves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shape := shapes(6).Draw(t, "shape")
		hosts := rapid.IntRange(1, 3).Draw(t, "hosts")
		doc := Document{Nonce: 1, Version: 1, Next: 1, Tasks: make([]Slot, len(shape))}
		var members []Member
		for h := range hosts + 1 { // the last one leaves
			id := string(rune('a' + h))
			doc.Workers = append(doc.Workers, id)
			members = append(members, Member{id, Status{Nonce: 1, Leaving: h == hosts}})
		}
		now := make([]int, len(shape))
		for i := range shape {
			now[i] = rapid.IntRange(-1, hosts).Draw(t, "on")
			if now[i] >= 0 {
				doc.Tasks[i].Placement = Placement{doc.Workers[now[i]], doc.Next}
				doc.Next++
			}
		}
		next, _ := Plan(doc, shape, members)
		got := make([]int, len(shape))
		for i, s := range next.Tasks {
			got[i] = slices.Index(doc.Workers, s.Worker)
		}
		if err := even(shape, got, hosts); err != "" {
			t.Fatalf("from %v to %v: %s", now, got, err)
		}
		best := 1 << 20
		each(len(shape), hosts, func(places []int) {
			if even(shape, places, hosts) == "" {
				best = min(best, price(shape, now, places, hosts))
			}
		})
		if p := price(shape, now, got, hosts); p != best {
			t.Fatalf("from %v to %v costs %d, the best %d", now, got, p, best)
		}
	})
}

// price counts the tasks that stayed nowhere they could have stayed, in hundreds, and
// those of spouts among them.
func price(shape Shape, from, to []int, hosts int) (n int) {
	for i := range from {
		if from[i] != to[i] && from[i] >= 0 && from[i] < hosts {
			n += 100
			if shape[i].Spout {
				n++
			}
		}
	}
	return n
}

// each calls f with every placement of tasks.
func each(tasks, hosts int, f func([]int)) {
	places := make([]int, tasks)
	for {
		f(places)
		i := 0
		for ; i < tasks && places[i] == hosts-1; i++ {
			places[i] = 0
		}
		if i == tasks {
			return
		}
		places[i]++
	}
}

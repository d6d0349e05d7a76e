package cluster_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/topology"
	"github.com/waterspout/waterspout/transport/inproc"
)

// TestReadStats: what is read is the sum of what the workers counted, those that have
// left included, and exact once all have ended.
func TestReadStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, j := inproc.New(), &journal{}
		o := &outpost{source: newPartitions(3, 1<<20, 5*time.Millisecond)}
		read := func() cluster.Stats {
			t.Helper()
			all, err := cluster.ReadStats(t.Context(), net, "test")
			if err != nil || len(all) != 1 {
				t.Fatalf("%d stats: %v", len(all), err)
			}
			return all[0]
		}
		if all, err := cluster.ReadStats(t.Context(), net, "test"); err != nil || len(all) != 0 {
			t.Errorf("before anything ran: %v, %v", all, err)
		}
		topo := o.topology()
		var all []*cluster.Running
		for i := range 3 {
			all = append(all, start(t, topo, j.worker(net, fmt.Sprint("w", i))))
		}
		time.Sleep(10 * time.Second)
		if s := read(); len(s.Workers) != 3 || s.Topology != "test" || s.Fingerprint != topo.Fingerprint() || part(t, s, "work").Tasks != 4 || part(t, s, "src").Window == 0 {
			t.Errorf("%+v", s)
		}
		if err := all[0].Drain(t.Context()); err != nil {
			t.Error(err)
		}
		left := part(t, all[0].Stats(), "work").Executed
		time.Sleep(5 * time.Second)
		if s := read(); len(s.Workers) != 2 || left == 0 || part(t, s, "work").Executed <= left {
			t.Errorf("after one that executed %d: %+v", left, s)
		}
		for _, r := range all[1:] {
			go r.Drain(t.Context())
		}
		for _, r := range all[1:] {
			if err := ended(t, j, r, time.Minute); err != nil {
				t.Error(err)
			}
		}
		n := uint64(o.committed())
		s := read()
		for _, name := range []string{"src", "work", "sink"} {
			c := part(t, s, name)
			if c.Acked != n || c.Failed != 0 || c.Pending != 0 || c.Queued != 0 || !c.Spout && c.Executed != n || name != "sink" && c.Emitted != n {
				t.Errorf("of %d: %+v", n, c)
			}
			var own uint64
			for _, r := range all {
				own += part(t, r.Stats(), name).Acked
			}
			if own != n {
				t.Errorf("%s: the workers themselves count %d of %d", name, own, n)
			}
		}
		if len(s.Workers) != 0 || n == 0 {
			t.Errorf("%d committed; workers %v", n, s.Workers)
		}
	})
}

// TestFailuresHaveNames: in Stats as JSON. In the reports of workers, which other
// versions read and write, they have numbers.
func TestFailuresHaveNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, j := inproc.New(), &journal{}
		topo := chain(newBook(3), sinkOf(func(int) error { return bolt.Reject(errBad) }))
		if err := ended(t, j, start(t, topo, j.worker(net, "w")), time.Minute); err != nil {
			t.Fatal(err)
		}
		conn, err := net.Open(t.Context(), "stats", "reader")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		store, err := conn.Store(t.Context(), "test-stats")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		entries, err := store.Watch(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if e := <-entries; bytes.Count(e.Value, []byte(`"FailedBy":{"4":3}`)) != 2 {
			t.Errorf("the report: %s", e.Value)
		}
		all, err := cluster.ReadStats(t.Context(), net, "test")
		if err != nil || len(all) != 1 {
			t.Fatalf("%d stats: %v", len(all), err)
		}
		asJSON, err := json.Marshal(part(t, all[0], "src"))
		if err != nil || !bytes.Contains(asJSON, []byte(`"FailedBy":{"rejected":3}`)) {
			t.Errorf("the stats: %s, %v", asJSON, err)
		}
	})
}

// TestLocalFollowsTheTasks: while a worker has a task of its own to send to nothing
// goes to another one, whatever was before.
func TestLocalFollowsTheTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, j := inproc.New(), &journal{}
		source := newPartitions(2, 1<<20, 5*time.Millisecond)
		var mu sync.Mutex
		crossed, total, strict := 0, 0, false
		type visit struct {
			From string
			V    int
		}
		topo := func(here string) *topology.Topology {
			d := topology.New("test")
			s := topology.Spout(d, "src", source.New, topology.Parallelism(2))
			m := topology.Bolt(s.By(grouping.LocalOrShuffle), "map", bolt.Map(func(_ context.Context, v int) (visit, error) { return visit{here, v}, nil }), topology.Parallelism(2))
			topology.Bolt(m.By(grouping.LocalOrShuffle), "sink", bolt.Sink(func(_ context.Context, v visit) error {
				mu.Lock()
				defer mu.Unlock()
				if strict {
					if total++; v.From != here {
						crossed++
					}
				}
				return nil
			}), topology.Parallelism(2))
			return must(d)
		}
		watch := func(when string) {
			t.Helper()
			time.Sleep(3 * time.Second)
			mu.Lock()
			crossed, total, strict = 0, 0, true
			mu.Unlock()
			time.Sleep(3 * time.Second)
			mu.Lock()
			defer mu.Unlock()
			if strict = false; crossed > 0 || total < 2*3*150 {
				t.Errorf("%s: %d of %d went to another worker", when, crossed, total)
			}
		}
		a := start(t, topo("a"), j.worker(net, "a"))
		watch("alone")
		b := start(t, topo("b"), j.worker(net, "b"))
		watch("with two")
		if err := a.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		watch("alone again")
		if err := b.Drain(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A scout is a task that notes which of its like executed a key.
type scout struct {
	at   *sync.Map // keys: of what, values: *scout
	task int
	bad  *atomic.Int64
}

func (s *scout) Open(_ context.Context, task bolt.Task) error {
	s.task = task.Index
	return nil
}

func (s *scout) Execute(_ context.Context, v int, _ *bolt.Collector[bolt.None]) error {
	if was, known := s.at.LoadOrStore(v%50, s); known && was.(*scout) != s {
		s.bad.Add(1)
	}
	return nil
}

// TestFieldsKeepsAKey: while nothing moves a key has one task, wherever it was sent
// from; and its index is the same after a move.
func TestFieldsKeepsAKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, j := inproc.New(), &journal{}
		source := newPartitions(3, 1<<20, 5*time.Millisecond)
		var at sync.Map
		var bad atomic.Int64
		topo := func() *topology.Topology {
			d := topology.New("test")
			s := topology.Spout(d, "src", source.New, topology.Parallelism(3))
			topology.Bolt(s.By(grouping.Fields(func(v int) int { return v % 50 })), "keys", func() *scout { return &scout{at: &at, bad: &bad} }, topology.Parallelism(5))
			return must(d)
		}
		var all []*cluster.Running
		for i := range 3 {
			all = append(all, start(t, topo(), j.worker(net, fmt.Sprint("w", i))))
		}
		look := func(when string) map[any]int {
			t.Helper()
			time.Sleep(4 * time.Second)
			at.Clear()
			bad.Store(0)
			time.Sleep(4 * time.Second)
			index, objects := map[any]int{}, map[any]bool{}
			at.Range(func(key, value any) bool {
				index[key], objects[value] = value.(*scout).task, true
				return true
			})
			if bad.Load() > 0 || len(index) != 50 || len(objects) != 5 {
				t.Errorf("%s: %d keys on %d tasks, %d times on another one", when, len(index), len(objects), bad.Load())
			}
			return index
		}
		first := look("with three")
		if err := all[0].Drain(t.Context()); err != nil {
			t.Error(err)
		}
		for key, task := range look("with two") {
			if first[key] != task {
				t.Errorf("key %v went from task %d to %d", key, first[key], task)
			}
		}
		for _, r := range all[1:] {
			go r.Drain(t.Context())
		}
		for _, r := range all[1:] {
			if err := ended(t, j, r, time.Minute); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestUntrackedArrives: nobody tracks these tuples, and none is lost while workers come
// and go in good order, nor at the end.
func TestUntrackedArrives(t *testing.T) {
	for _, tracked := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			net, j := inproc.New(), &journal{}
			g := &gate{n: 4000, every: 2 * time.Millisecond, open: make(chan struct{}), tracked: tracked}
			var seen tally[int]
			topo := func() *topology.Topology {
				d := topology.New("test")
				s := topology.Spout(d, "src", g.New)
				m := topology.Bolt(s.By(grouping.Shuffle), "map", bolt.Map(func(_ context.Context, v int) (int, error) { return v, nil }), topology.Parallelism(4))
				topology.Bolt(m.By(grouping.Value), "sink", seen.sink(), topology.Parallelism(4))
				return must(d)
			}
			a, b := start(t, topo(), j.worker(net, "a")), start(t, topo(), j.worker(net, "b"))
			time.Sleep(2 * time.Second)
			close(g.open)
			time.Sleep(2 * time.Second)
			d := start(t, topo(), j.worker(net, "d")) // bolts move to it
			time.Sleep(2 * time.Second)
			leaves, stays := b, []*cluster.Running{a, d}
			if part(t, b.Stats(), "src").Emitted > 0 { // the spout is not to be told to stop
				leaves, stays = a, []*cluster.Running{b, d}
			}
			if err := leaves.Drain(t.Context()); err != nil {
				t.Error(err)
			}
			for _, r := range stays {
				if err := ended(t, j, r, time.Minute); err != nil {
					t.Error(err)
				}
			}
			for v := range g.n {
				if seen.seen[v] != 1 {
					t.Fatalf("tracked %t: %d came %d times; %d of %d came\n%s", tracked, v, seen.seen[v], len(seen.seen), g.n, j)
				}
			}
		})
	}
}

// A summer says what it has summed up only when it ticks.
type summer struct{ sum int }

func (s *summer) Every() time.Duration { return time.Hour }

func (s *summer) Execute(_ context.Context, v int, _ *bolt.Collector[int]) error {
	s.sum += v
	return nil
}

func (s *summer) Tick(_ context.Context, out *bolt.Collector[int]) error {
	if s.sum > 0 {
		out.Emit(s.sum)
	}
	s.sum = 0
	return nil
}

// TestTickersFlushAtTheEnd: what a bolt says in its last tick arrives, through more
// than one stage, wherever the tasks are.
func TestTickersFlushAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, j := inproc.New(), &journal{}
		g := &gate{n: 1000, open: make(chan struct{})}
		var got atomic.Int64
		topo := func() *topology.Topology {
			d := topology.New("test")
			in := topology.Spout(d, "src", g.New).By(grouping.Shuffle)
			for _, name := range []string{"first", "second", "third"} {
				in = topology.Bolt(in, name, func() *summer { return &summer{} }, topology.Parallelism(3)).By(grouping.Shuffle)
			}
			topology.Bolt(in, "sink", sinkOf(func(v int) error { got.Add(int64(v)); return nil }))
			return must(d)
		}
		var all []*cluster.Running
		for i := range 3 {
			all = append(all, start(t, topo(), j.worker(net, fmt.Sprint("w", i))))
		}
		time.Sleep(3 * time.Second)
		close(g.open)
		for _, r := range all {
			if err := ended(t, j, r, time.Minute); err != nil {
				t.Error(err)
			}
		}
		if want := int64(g.n * (g.n - 1) / 2); got.Load() != want {
			t.Errorf("the sum is %d, want %d", got.Load(), want)
		}
	})
}

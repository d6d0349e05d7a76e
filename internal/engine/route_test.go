package engine

import (
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/acker"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/internal/frame"
	"github.com/waterspout/waterspout/internal/mailbox"
	"github.com/waterspout/waterspout/internal/mesh"
	"github.com/waterspout/waterspout/transport"
	"github.com/waterspout/waterspout/transport/inproc"
	"github.com/waterspout/waterspout/tuple"
)

// A road is a route, and where it leads: to boxes here, and to a worker elsewhere.
type road struct {
	*route[item]
	bench *bench
	links *mesh.Mesh // of the sender
	far   *far
	conns []transport.Conn
	last  uint32 // instance
	seats sync.WaitGroup

	mu  sync.Mutex
	got [][]int // numbers, by instance
}

// A far is the worker elsewhere.
type far struct {
	road  *road
	links *mesh.Mesh
	lazy  bool // it takes nothing out of its inboxes
}

func newRoad(t testing.TB) *road {
	b := newBench(1, 1, grouping.Global[int])
	p := newPlace()
	r := &road{bench: b, route: &route[item]{run: b.core.run, place: p, inlet: 3, from: b.core.comp, codec: packingOf[item](touchy{})}}
	r.far = &far{road: r}
	net := inproc.New()
	for _, name := range []string{"near", "far"} {
		conn, err := net.Open(t.Context(), "c", name)
		if err != nil {
			t.Fatal(err)
		}
		r.conns = append(r.conns, conn)
		m := mesh.Open(mesh.Config{Conn: conn, Nonce: 1, Self: name, Log: slog.New(slog.DiscardHandler), To: r.far})
		if name == "near" {
			r.links = m
		} else {
			r.far.links = m
		}
	}
	r.links.SetPeers([]string{"far"})
	r.far.links.SetPeers([]string{"near"})
	return r
}

func (r *road) close() {
	r.links.Close()
	r.far.links.Close()
	r.conns[0].Close()
	r.conns[1].Close()
	r.seats.Wait()
}

// keep notes that an item arrived at an instance.
func (r *road) keep(instance uint32, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.got) <= int(instance) {
		r.got = append(r.got, nil)
	}
	r.got[instance] = append(r.got[instance], n)
}

// arrived are the numbers that arrived, by instance.
func (r *road) arrived() (all []int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Concat(r.got...)
}

func (f *far) Tuples(to mesh.Address, inlet int, p mesh.Parcel) bool {
	if inlet != 3 {
		panic("another inlet")
	}
	n := 0
	for r := frame.NewTuples(p.Body); ; n++ {
		lin, value, ok := r.Next()
		if !ok {
			break
		}
		var v item
		if err := (touchy{}).Decode(value, &v); err != nil || lin.Root.Sequence() != uint64(v.N) {
			panic("wrong tuple")
		}
		f.road.keep(to.Instance, v.N)
	}
	if n != p.Count {
		panic("counted wrong")
	}
	if !f.lazy {
		p.Done(2_000)
	}
	return true
}

func (f *far) Pairs([]acker.Pair)             {}
func (f *far) Fail(tuple.Root, tuple.Failure) {}
func (f *far) Lost([]tuple.Root)              {}
func (f *far) Marked()                        {}

// A seat is a task here that has an inbox.
type seat struct {
	task // nil
	box  *mailbox.Box[tuple.Tuple[item]]
}

func (s *seat) inlet(int) any { return s.box }

// sit makes a seat of a new instance, whose goroutine takes what comes with breaks of
// that length, until it is closed.
func (r *road) sit(capacity int, breaks time.Duration) *seat {
	r.last++
	instance, park := r.last, mailbox.NewPark()
	s := &seat{box: mailbox.New[tuple.Tuple[item]](capacity, park)}
	r.seats.Go(func() {
		for batch := []tuple.Tuple[item](nil); ; {
			time.Sleep(breaks)
			park.Wait(s.box.Ready)
			if s.box.Closed() {
				return
			}
			batch = s.box.Take(batch)
			for i := range batch {
				r.keep(instance, batch[i].Value.N)
			}
			s.box.Idle()
		}
	})
	return s
}

// away is the place of a new instance elsewhere, which has credit only once accepted.
func (r *road) away() (*spot, mesh.Address) {
	r.last++
	a := mesh.Address{Task: 1, Instance: r.last}
	return &spot{away: r.links.Peer("far").Outlet(a), due: a}, a
}

// tuples are items from number from on.
func tuples(from, n, size int) (ts []tuple.Tuple[item]) {
	for v := from; v < from+n; v++ {
		ts = append(ts, tuple.Tuple[item]{
			Value:   item{N: v, Size: size},
			Lineage: tuple.Lineage{Link: tuple.Link{Root: tuple.NewRoot(1, uint64(v)), Edge: 1}},
		})
	}
	return ts
}

// sendInOrder sends the items below n, in batches of any length, of which some lie in
// memory in another order. It reports false if the road was closed.
func (r *road) sendInOrder(n int, dice *rand.Rand) bool {
	for v := 0; v < n; {
		k := min(1+dice.IntN(300), n-v)
		ts, ok := tuples(v, k, dice.IntN(2000)), false
		if dice.IntN(2) == 0 {
			ok = r.Put(ts)
		} else {
			places := make([]int32, k)
			shuffled := make([]tuple.Tuple[item], k)
			for i, j := range dice.Perm(k) {
				places[i] = int32(j)
				shuffled[j] = ts[i]
			}
			ok = r.Gather(shuffled, places)
		}
		if !ok {
			return false
		}
		v += k
		time.Sleep(time.Duration(dice.IntN(3)) * time.Millisecond)
	}
	return true
}

// TestRouteFollowsItsTask sends over a route whose task moves between here, elsewhere
// and nowhere: everything arrives once, and in order.
func TestRouteFollowsItsTask(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			dice := rand.New(rand.NewPCG(seed, 1))
			r := newRoad(t)
			const n = 3000
			sent := make(chan bool)
			go func() { sent <- r.sendInOrder(n, rand.New(rand.NewPCG(seed, 2))) }()
			var old *seat
			for over := false; !over; {
				time.Sleep(time.Duration(dice.IntN(5)) * time.Millisecond)
				was := old
				old = nil
				switch dice.IntN(3) {
				case 0:
					old = r.sit(64, time.Duration(dice.IntN(3))*time.Millisecond)
					r.place.move(&spot{due: mesh.Address{Task: 1, Instance: r.last}})
					r.place.arrive(old, mesh.Address{Task: 1, Instance: r.last})
				case 1:
					to, a := r.away()
					r.place.move(to)
					time.Sleep(time.Duration(dice.IntN(2)) * time.Millisecond)
					if dice.IntN(4) > 0 { // else it moves on before it has begun
						r.far.links.Accept(a)
					}
				case 2:
					r.place.move(&spot{})
				}
				if was != nil {
					time.Sleep(time.Duration(dice.IntN(3)) * time.Millisecond)
					was.box.Close()
				}
				select {
				case ok := <-sent:
					over = true
					if !ok {
						t.Error("a sender gave up")
					}
				default:
				}
			}
			if old != nil {
				old.box.Close()
			}
			pass(time.Second)
			if got := r.arrived(); len(got) != n || !slices.IsSorted(got) {
				t.Errorf("seed %d: %d of %d arrived, in order: %t", seed, len(got), n, slices.IsSorted(got))
			}
			if fails := r.bench.core.run.lanes[0].fails.Take(nil); len(fails) > 0 {
				t.Errorf("seed %d: failed %v", seed, fails)
			}
			r.close()
		})
	}
}

// TestPrice: what is sent to tasks elsewhere alone goes in runs, too, once they say
// what it costs them. What is measured here is believed first.
func TestPrice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoad(t)
		defer r.close()
		to := r.bench.core.comp
		to.places = []*place{newPlace(), r.place}
		spot, a := r.away()
		r.place.move(spot)
		r.far.links.Accept(a)
		if got := run(to.price()); got != 1 {
			t.Errorf("runs of %d although nothing is known", got)
		}
		r.Put(tuples(0, 1, 10))
		pass(time.Second)
		if got := run(to.price()); got != stint/2_000 {
			t.Errorf("runs of %d of what costs 2 microseconds", got)
		}
		to.cost.Store(100_000)
		if got := run(to.price()); got != 2 {
			t.Errorf("runs of %d of what costs 100 microseconds here", got)
		}
	})
}

// deadEnds are places at which a sender waits, by why.
var deadEnds = map[string]func(r *road) *seat{
	"nowhere": func(*road) *seat { return nil },
	"no credit yet": func(r *road) *seat {
		to, _ := r.away()
		r.place.move(to)
		return nil
	},
	"no credit any more": func(r *road) *seat {
		to, a := r.away()
		r.far.lazy = true
		r.far.links.Accept(a)
		r.place.move(to)
		return nil
	},
	"full": func(r *road) *seat {
		s := r.sit(8, time.Hour)
		r.place.move(&spot{here: s})
		return s
	},
}

// TestPlaceEnd: who waits to send is released for good, and what was not sent fails.
func TestPlaceEnd(t *testing.T) {
	for name, where := range deadEnds {
		synctest.Test(t, func(t *testing.T) {
			r := newRoad(t)
			seat := where(r)
			const batch = 64
			n, sent := 0, make(chan bool)
			go func() {
				for ok := true; ok; n += batch {
					ts := tuples(n, batch, 5000)
					if n/batch%2 == 0 {
						ok = r.Put(ts)
					} else {
						ok = r.Gather(ts, order(batch))
					}
				}
				sent <- true
			}()
			synctest.Wait()
			r.place.end()
			if seat != nil {
				seat.box.Close() // as a site does with tasks of its own
			}
			synctest.Wait()
			select {
			case <-sent:
			default:
				t.Errorf("%s: the sender still waits", name)
				r.place.move(&spot{}) // or the bubble does not end
				<-sent
			}
			pass(2 * time.Hour)
			fails := r.bench.core.run.lanes[0].fails.Take(nil)
			if got := len(r.arrived()); got+len(fails) != n || len(fails) == 0 {
				t.Errorf("%s: of %d, %d arrived and %d failed", name, n, got, len(fails))
			}
			for _, f := range fails {
				if f.why.Kind != tuple.Lost || f.why.Component != "bench" {
					t.Fatalf("%s: %v", name, f.why)
				}
			}
			if r.Put(tuples(n, 1, 0)) || len(r.bench.core.run.lanes[0].fails.Take(nil)) != 1 {
				t.Errorf("%s: it goes on after the end", name)
			}
			r.close()
		})
	}
}

func order(n int) (all []int32) {
	for i := range int32(n) {
		all = append(all, i)
	}
	return all
}

// TestRouteRefuses: a value that its codec refuses, or that is too large, fails its
// own trees, all of them, and no other (E3, C5).
func TestRouteRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoad(t)
		to, a := r.away()
		r.far.links.Accept(a)
		r.place.move(to)
		dice := rand.New(rand.NewPCG(1, 1))
		const n = 2000
		ts := tuples(0, n, 0)
		bad := map[tuple.Root]string{}
		for i := range ts {
			ts[i].Value.Size = dice.IntN(100)
			if i%7 == 0 {
				ts[i].More = &[]tuple.Link{{Root: tuple.NewRoot(1, uint64(n+i)), Edge: 9}}
			}
			why := ""
			switch {
			case i == n/2:
				ts[i].Value.Size, why = transport.MaxFrame/2, "too large for one tuple"
			case dice.IntN(3) == 0:
				ts[i].Value.Fault, why = encodeError, "touchy"
			case dice.IntN(3) == 0:
				ts[i].Value.Fault, why = encodePanic, "panicked: touchy"
			}
			if why != "" {
				roots(&ts[i].Lineage, func(root tuple.Root) { bad[root] = why })
			}
		}
		if !r.Put(ts[:n/4]) || !r.Gather(ts, order(n)[n/4:]) {
			t.Error("not sent")
		}
		synctest.Wait()
		fails := r.bench.core.run.lanes[0].fails.Take(nil)
		for _, f := range fails {
			if f.why.Kind != tuple.Error || f.why.Component != "bench" || bad[f.root] == "" || !strings.Contains(f.why.Text, bad[f.root]) {
				t.Fatalf("root %v, to fail because %q: %v", f.root, bad[f.root], f.why)
			}
		}
		if len(fails) != len(bad) {
			t.Errorf("%d failed, want %d", len(fails), len(bad))
		}
		var want []int
		for v := range n {
			if bad[tuple.NewRoot(1, uint64(v))] == "" {
				want = append(want, v)
			}
		}
		if got := r.arrived(); !slices.Equal(got, want) {
			t.Errorf("%d arrived, want %d", len(got), len(want))
		}
		r.close()
	})
}

// TestRouteLoad: a task that is nowhere takes nothing, and is the last to be chosen.
func TestRouteLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoad(t)
		if !r.Full() || r.Load() != math.MaxInt32 {
			t.Errorf("nowhere: full %t, load %d", r.Full(), r.Load())
		}
		s := r.sit(2, time.Hour)
		r.place.move(&spot{here: s})
		if r.Full() || r.Load() != 0 {
			t.Errorf("here: full %t, load %d", r.Full(), r.Load())
		}
		r.Put(tuples(0, 2, 0))
		if !r.Full() || r.Load() != 2 {
			t.Errorf("here with two: full %t, load %d", r.Full(), r.Load())
		}
		to, a := r.away()
		r.place.move(to)
		if !r.Full() {
			t.Error("it takes something without credit")
		}
		r.far.lazy = true
		r.far.links.Accept(a)
		pass(time.Second)
		r.Put(tuples(2, 5, 0))
		pass(time.Second)
		if r.Full() || r.Load() != 5 {
			t.Errorf("elsewhere: full %t, load %d", r.Full(), r.Load())
		}
		s.box.Close()
		pass(2 * time.Hour)
		r.close()
	})
}

// TestPlace: a task that was to come here, and has gone elsewhere meanwhile, does not
// take its place back, nor does one that ends.
func TestPlace(t *testing.T) {
	r := newRoad(t)
	defer r.close()
	p := r.place
	first, second := &seat{}, &seat{}
	at := func(i uint32) mesh.Address { return mesh.Address{Task: 1, Instance: i} }
	p.move(&spot{due: at(1)})
	p.arrive(second, at(2))
	if p.now.Load().here != nil {
		t.Error("another instance came")
	}
	p.arrive(first, at(1))
	if p.now.Load().here != task(first) {
		t.Error("it did not come")
	}
	p.move(&spot{due: at(2)})
	p.arrive(first, at(1))
	if p.now.Load().here != nil {
		t.Error("a former instance came back")
	}
	p.arrive(second, at(2))
	p.leave(first)
	if p.now.Load().here != task(second) {
		t.Error("the former instance took it along")
	}
	to, a := r.away()
	p.move(to)
	p.arrive(second, a)
	p.leave(second)
	if p.now.Load() != to {
		t.Error("a task here took the place of one elsewhere")
	}
}

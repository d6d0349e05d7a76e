package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waterspout/waterspout/acker"
	"github.com/waterspout/waterspout/internal/mesh"
	"github.com/waterspout/waterspout/tuple"
)

// A Site is one worker's part of a topology whose tasks are on several: tasks
// begin and end one by one, while the others go on. It is the Handler of the
// worker's mesh. Its methods may be called from any goroutine.
type Site struct {
	*Run
	kinds []kind // of the tasks, by number
	links *mesh.Mesh
	limbo limbo

	here  atomic.Pointer[map[mesh.Address]*tenant] // replaced, never changed, under Run.mu
	group sync.WaitGroup                           // of tenants
	past  []*Task                                  // under Run.mu: of tasks that ended, one a component
	mail  laneBuffers                              // of the goroutine that calls Pairs
}

type kind struct {
	comp  *component
	index int
}

// NewSite makes a site without tasks. The end of ctx is not its end.
func NewSite(ctx context.Context, nodes []*Node, opts Options) *Site {
	s := &Site{Run: newRun(ctx, opts)}
	s.here.Store(&map[mesh.Address]*tenant{})
	s.limbo.run = s.Run
	s.homes.Store(&homes{all: []home{{limbo: &s.limbo}}})
	for _, n := range nodes {
		c := s.declare(n)
		c.first = len(s.kinds)
		for i := range n.Parallelism {
			s.kinds = append(s.kinds, kind{c, i})
			c.places = append(c.places, newPlace())
		}
		s.past = append(s.past, &Task{Task: c.info(0), Spout: n.Spout})
	}
	return s
}

// Join is called once, before the first Begin, with the mesh that the site is the
// Handler of.
func (s *Site) Join(links *mesh.Mesh) { s.links = links }

// Begin starts an instance of a task. It does not block: its tenant says how far
// it is.
func (s *Site) Begin(a mesh.Address) {
	k := s.kinds[a.Task]
	t := &tenant{site: s, at: a, kind: k, release: make(chan struct{})}
	t.task = k.comp.node.newTask(k.comp, k.index, a.Instance)
	s.mu.Lock()
	here := maps.Clone(*s.here.Load())
	here[a] = t
	s.here.Store(&here)
	s.mu.Unlock()
	s.group.Go(t.live)
}

// refreshLocked makes the tasks that are open the ones that everybody sees: until
// then a task belongs to its tenant's goroutine.
func (s *Site) refreshLocked() {
	here := *s.here.Load()
	s.live = nil
	for _, a := range slices.SortedFunc(maps.Keys(here), func(a, b mesh.Address) int {
		return cmp.Or(cmp.Compare(a.Task, b.Task), cmp.Compare(a.Instance, b.Instance))
	}) {
		if t := here[a]; t.open {
			s.live = append(s.live, t.task)
		}
	}
}

// leave forgets a tenant that has ended, but for what it counted.
func (s *Site) leave(t *tenant) {
	last := t.task.stats()
	s.mu.Lock()
	here := maps.Clone(*s.here.Load())
	delete(here, t.at)
	s.here.Store(&here)
	s.refreshLocked()
	for _, p := range s.past {
		if p.Task.Component == last.Task.Component {
			p.add(last)
		}
	}
	s.mu.Unlock()
	if l, ok := t.task.(interface{ ackLane() *lane }); ok {
		s.delist(l.ackLane())
	}
}

// Point says where a task is: on a peer or, if that is nil, here, as soon as that
// instance is open. Nobody sends to spouts: theirs are not kept.
func (s *Site) Point(a mesh.Address, peer *mesh.Peer) {
	k := s.kinds[a.Task]
	if k.comp.node.Spout {
		return // nobody sends to it
	}
	p := k.comp.places[k.index]
	to := &spot{due: a}
	if peer != nil {
		to.away = peer.Outlet(a)
	}
	if now := p.now.Load(); now.due == a && now.away == to.away {
		return
	}
	p.move(to)
	k.comp.moves.Add(1)
}

// Tenants are how far the tasks are that were begun and have not been forgotten.
func (s *Site) Tenants() map[mesh.Address]Stage {
	all := map[mesh.Address]Stage{}
	for a, t := range *s.here.Load() {
		all[a] = Stage(t.stage.Load())
	}
	return all
}

func (s *Site) tenant(a mesh.Address) *tenant { return (*s.here.Load())[a] }

// Stop makes a spout emit no more; it goes on to the stage Settled once its trees
// have ended.
func (s *Site) Stop(a mesh.Address) {
	if t := s.tenant(a); t != nil {
		t.task.hurry()
	}
}

// Release lets a spout task that is Settled close and end; moved says that it goes
// on at another worker.
func (s *Site) Release(a mesh.Address, moved bool) {
	if t := s.tenant(a); t != nil {
		t.free(moved)
	}
}

// Idle reports whether a bolt task has nothing in its hands and nothing queued.
func (s *Site) Idle(a mesh.Address) bool {
	t := s.tenant(a)
	if t == nil {
		return true
	}
	b, ok := t.task.(interface{ idle() bool })
	return !ok || b.idle()
}

// HangUp closes the inboxes of a bolt task: it ends when they are empty.
func (s *Site) HangUp(a mesh.Address) {
	if t := s.tenant(a); t != nil {
		t.task.hangUp()
	}
}

// Cut ends a task as soon as it can be: a spout's open trees fail with kind
// Shutdown, what a bolt has not executed or still holds with kind Lost (T3).
func (s *Site) Cut(a mesh.Address) {
	if t := s.tenant(a); t != nil {
		t.end()
	}
}

// Hasten makes holders of inputs flush them (D2).
func (s *Site) Hasten() {
	for _, t := range s.tasks() {
		t.hasten()
	}
}

// Suspend keeps the spouts from emitting, or lets them go on.
func (s *Site) Suspend(on bool) {
	for _, t := range s.tasks() {
		t.pause(on)
	}
}

// Forsake fails all trees that are open now: a worker was lost (L8).
func (s *Site) Forsake() {
	s.mu.Lock()
	lanes := s.lanes
	s.mu.Unlock()
	for _, l := range lanes {
		l.forsake()
	}
}

// Changed has something to receive when a tenant or a peer's mark may have moved on.
func (s *Site) Changed() <-chan struct{} { return s.state }

// Failed is the cause with which a task ended the site, nil if none did.
func (s *Site) Failed() error {
	if s.ctx.Err() == nil {
		return nil
	}
	return context.Cause(s.ctx)
}

// Close cuts what is left, and waits for it as long as within, or a [Moment]. It returns
// an error that names the tasks which did not return. moved is as for Release.
func (s *Site) Close(cause error, moved bool, within time.Duration) error {
	s.cancel(cause)
	s.aborted.Store(true)
	for _, c := range s.components {
		for _, p := range c.places {
			p.end()
		}
	}
	defer s.gone.rest()
	here := *s.here.Load()
	for _, t := range here {
		t.free(moved)
		t.end()
	}
	ended := make(chan struct{})
	go func() { // ends with the tenants, which are named if they do not
		s.group.Wait()
		close(ended)
	}()
	timer := time.NewTimer(max(within, Moment))
	defer timer.Stop()
	select {
	case <-ended:
		return nil
	case <-timer.C:
		return fmt.Errorf("left behind: %s", s.Stuck())
	}
}

// Stuck names the tasks that have not ended, and what they do.
func (s *Site) Stuck() string {
	var names []string
	for _, t := range *s.here.Load() {
		names = append(names, fmt.Sprintf("%v did not return from %s", t.kind.comp.info(t.kind.index), t.task.doing()))
	}
	slices.Sort(names)
	if len(names) > 4 {
		names = append(names[:4], fmt.Sprintf("and %d more", len(names)-4))
	}
	return strings.Join(names, ", ")
}

// Open is how many trees of this worker's spouts are open.
func (s *Site) Open() (n int) {
	s.mu.Lock()
	lanes := s.lanes
	s.mu.Unlock()
	for _, l := range lanes {
		n += l.pending()
	}
	return n
}

// Tasks is a snapshot of the counts of this worker's tasks, those that have ended
// included, in the order of declaration.
func (s *Site) Tasks() (all []*Task) {
	s.mu.Lock()
	live, past := s.live, make([]*Task, 0, len(s.past))
	for _, p := range s.past {
		sum := *p
		sum.Execute, sum.Complete = newLatencies(), newLatencies()
		sum.add(&Task{Execute: p.Execute, Complete: p.Complete})
		sum.Abroad = s.components[len(past)].abroad.Load()
		past = append(past, &sum)
	}
	s.mu.Unlock()
	for i, c := range s.components {
		all = append(all, past[i])
		for _, t := range live {
			if s := t.stats(); s.Task.Component == c.node.Name {
				s.Live = true
				all = append(all, s)
			}
		}
	}
	return all
}

// Watch logs what people would ask for until the function returned is called.
func (s *Site) Watch() (stop func()) {
	w := newWatch(s.Run)
	w.start()
	return w.stop
}

// Tuples implements mesh.Handler.
func (s *Site) Tuples(to mesh.Address, inlet int, p mesh.Parcel) bool {
	t := s.tenant(to)
	return t != nil && t.task.deliver(inlet, p)
}

// Pairs implements mesh.Handler.
func (s *Site) Pairs(ps []acker.Pair) {
	for _, p := range ps {
		s.mail.add(s.Run, p)
	}
	s.mail.flush(s.Run)
}

// Fail implements mesh.Handler.
func (s *Site) Fail(root tuple.Root, why tuple.Failure) {
	homes := s.homes.Load()
	if i := homes.of(root); i >= 0 && homes.all[i].lane != nil {
		homes.all[i].lane.fail(root, why)
	}
}

// Lost implements mesh.Handler (K3, K4).
func (s *Site) Lost(roots []tuple.Root) {
	why := tuple.Failure{Kind: tuple.Lost, Text: "it was lost between workers"}
	for _, root := range roots {
		s.failRoot(root, why)
	}
}

// Marked implements mesh.Handler.
func (s *Site) Marked() { s.poke() }

var errGoexit = errors.New("user code called runtime.Goexit, as t.Fatal does; return an error instead")

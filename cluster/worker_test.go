package cluster_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/topology"
	"github.com/waterspout/waterspout/transport"
	"github.com/waterspout/waterspout/transport/inproc"
	"github.com/waterspout/waterspout/tuple"
)

// A crew is workers that run one topology over inproc.
type crew struct {
	t      *testing.T
	net    transport.Net
	hurt   *inproc.Net // what is below net
	source *partitions
	seen   *tally[int]
	tasks  int // of the bolts
	log    *journal
	bad    bool          // the store may be away for all
	slow   time.Duration // what opening the sink takes

	mu    sync.Mutex
	ended map[string]error
	group sync.WaitGroup
}

func newCrew(t *testing.T, source *partitions) *crew {
	net := inproc.New()
	return &crew{t: t, net: net, hurt: net, source: source, seen: &tally[int]{}, tasks: 3, log: &journal{}, ended: map[string]error{}}
}

func (c *crew) topology() *topology.Topology {
	d := topology.New("test")
	s := topology.Spout(d, "src", c.source.New, topology.Parallelism(len(c.source.committed)))
	h := topology.Bolt(s.By(grouping.Shuffle), "hold", func() *hand { return &hand{} }, topology.Parallelism(c.tasks))
	m := topology.Bolt(h.By(grouping.Value), "map", bolt.Map(func(_ context.Context, v int) (int, error) { return v, nil }), topology.Parallelism(c.tasks))
	topology.Bolt(m.By(grouping.Shuffle), "sink", func() *slowSink { return &slowSink{c.seen, c.slow} })
	return topology.Must(d.Build())
}

// A slowSink takes its time to open, and acks an input when it is written, later, as
// a writer does. There is one of it.
type slowSink struct {
	seen *tally[int]
	open time.Duration
}

func (s *slowSink) Open(context.Context, bolt.Task) error {
	time.Sleep(s.open)
	return nil
}

func (s *slowSink) Execute(_ context.Context, v int, out *bolt.Collector[bolt.None]) error {
	held := out.Hold()
	time.AfterFunc(30*time.Millisecond, func() {
		s.seen.add(v)
		held.Ack()
	})
	return nil
}

// join starts a worker; stop makes it leave.
func (c *crew) join(name string) (stop context.CancelFunc) {
	ctx, stop := context.WithCancel(c.t.Context())
	log := slog.New(slog.NewTextHandler(c.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c.group.Go(func() {
		err := cluster.Run(ctx, c.topology(), cluster.Worker{Net: c.net, Name: name, Log: log})
		c.mu.Lock()
		c.ended[name] = err
		c.mu.Unlock()
	})
	return stop
}

// await waits until cond holds.
func (c *crew) await(what string, limit time.Duration, cond func() bool) {
	c.t.Helper()
	for deadline := time.Now().Add(limit); !cond(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Errorf("after %v not yet: %s; committed %v\n%s", limit, what, c.source.committed, c.log)
			c.t.FailNow()
		}
	}
}

// check holds the end to the rules: all workers ended well, everything arrived, and
// nothing was read by two. It returns how much came more than once.
func (c *crew) check() (duplicates int) {
	c.t.Helper()
	c.group.Wait()
	for name, err := range c.ended {
		if err != nil {
			c.t.Errorf("worker %s: %v", name, err)
		}
	}
	n := len(c.source.committed) * c.source.length
	if len(c.seen.seen) != n {
		c.t.Errorf("%d of %d values arrived", len(c.seen.seen), n)
	}
	for _, times := range c.seen.seen {
		duplicates += times - 1
	}
	if c.source.overlaps > 0 && !c.bad { // a lone worker that is cut off goes on
		c.t.Errorf("%d records were read by one whose successor had begun", c.source.overlaps)
	}
	if late := c.source.failed[tuple.Timeout]; late > 0 {
		c.t.Errorf("%d trees timed out: their loss was not told", late)
	}
	if c.t.Failed() {
		c.t.Logf("failures %v\n%s", c.source.failed, c.log)
	}
	return duplicates
}

// TestWorkersComeAndGo lets workers join and leave while records flow, and at the
// end all leave: nothing is missing, and nothing comes twice.
func TestWorkersComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(t, newPartitions(4, 3000, 2*time.Millisecond))
		a, b := c.join("a"), c.join("b")
		time.Sleep(3 * time.Second)
		d := c.join("d")
		time.Sleep(time.Second)
		a()
		time.Sleep(time.Second)
		e := c.join("e")
		c.await("everything is committed", 20*time.Second, c.source.done)
		b()
		d()
		e()
		if twice := c.check(); twice > 0 {
			t.Errorf("%d records came twice although nobody failed; failures %v\n%s", twice, c.source.failed, c.log)
		}
	})
}

// TestWorkerIsCutOff takes a worker off the net for longer than its lease: its tasks
// go on elsewhere, it suspends itself, and later joins afresh.
func TestWorkerIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(t, newPartitions(4, 6000, 2*time.Millisecond))
		stops := []context.CancelFunc{c.join("a"), c.join("b"), c.join("d")}
		time.Sleep(3 * time.Second)
		c.hurt.Cut("b")
		time.Sleep(8 * time.Second)
		c.hurt.Heal("b")
		c.await("everything is committed", 60*time.Second, c.source.done)
		for _, stop := range stops {
			stop()
		}
		t.Logf("%d came twice, failures %v", c.check(), c.source.failed)
	})
}

// TestWorkersShareATopology runs a finite topology on three workers: every value
// arrives, and all workers end.
func TestWorkersShareATopology(t *testing.T) {
	const n = 20_000
	values := make([]int, n)
	for i := range values {
		values[i] = i
	}
	seen := &tally[int]{}
	net := inproc.New()
	var group sync.WaitGroup
	for w := range 3 {
		group.Go(func() {
			d := topology.New("test")
			s := topology.Spout(d, "src", spout.Replay(spout.FromSlice(values), spout.Retry{}, nil), topology.Parallelism(2))
			m := topology.Bolt(s.By(grouping.Shuffle), "map", bolt.Map(func(_ context.Context, v int) (int, error) { return v, nil }), topology.Parallelism(4))
			topology.Bolt(m.By(grouping.Value), "sink", seen.sink(), topology.Parallelism(3))
			err := cluster.Run(t.Context(), topology.Must(d.Build()), cluster.Worker{Net: net, Name: fmt.Sprint("w", w), Log: quiet.Log})
			if err != nil {
				t.Errorf("worker %d: %v", w, err)
			}
		})
	}
	group.Wait()
	if len(seen.seen) != n {
		t.Errorf("%d of %d values arrived", len(seen.seen), n)
	}
}

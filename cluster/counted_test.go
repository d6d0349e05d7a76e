package cluster_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/topology"
	"github.com/waterspout/waterspout/transport"
	"github.com/waterspout/waterspout/transport/inproc"
)

// shaky is a net on which something went wrong.
type shaky struct{ transport.Net }

func (n shaky) Open(ctx context.Context, cluster, worker string) (transport.Conn, error) {
	c, err := n.Net.Open(ctx, cluster, worker)
	return shakyConn{c}, err
}

type shakyConn struct{ transport.Conn }

func (shakyConn) Dropped() uint64  { return 7 }
func (shakyConn) Failures() uint64 { return 5 }

// TestWireIsCounted: what the wire of a worker rejects, drops and does not reach is in
// its Stats and in those of the cluster, and what is well is not.
func TestWireIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, j := inproc.New(), &journal{}
		o := &outpost{source: newPartitions(2, 1<<20, 5*time.Millisecond)}
		topo := o.topology()
		a, b := start(t, topo, j.worker(net, "a")), start(t, topo, j.worker(shaky{net}, "b"))
		time.Sleep(3 * time.Second)
		stranger, err := net.Open(t.Context(), "test-"+topo.Fingerprint(), "stranger")
		if err != nil {
			t.Fatal(err)
		}
		for _, to := range []*cluster.Running{a, a, b} {
			if err := stranger.Send(t.Context(), to.Stats().Workers[0], transport.Data, append([]byte("GET / HTTP/1.1"), make([]byte, 100)...)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(3 * time.Second)
		all, err := cluster.ReadStats(t.Context(), net, "test")
		if err != nil || len(all) != 1 {
			t.Fatalf("%v, %v", all, err)
		}
		for i, test := range []struct {
			stats                     cluster.Stats
			rejected, dropped, failed int64
		}{{a.Stats(), 2, 0, 0}, {b.Stats(), 1, 7, 5}, {all[0], 3, 7, 5}} {
			c := test.stats.Counters
			if c["frames rejected, foreign"] != test.rejected || c["frames dropped"] != test.dropped || c["connection attempts failed"] != test.failed {
				t.Errorf("%d: %v", i, c)
			}
			if _, there := c["frames dropped"]; there != (test.dropped > 0) {
				t.Errorf("%d names what did not happen: %v", i, c)
			}
		}
		stranger.Close()
		for _, r := range []*cluster.Running{a, b} {
			if err := r.Drain(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
}

// A talker tells how far it is behind.
type talker struct{ *bookSpout }

func (talker) Detail() map[string]string { return map[string]string{"lag": "3", "state": "reads"} }

// What tasks tell of themselves stands in a row, and whole numbers are added.
func TestDetails(t *testing.T) {
	d := topology.New("test")
	b := newBook(1)
	topology.Bolt(topology.Spout(d, "src", func() talker { return talker{b.New()} }, topology.Parallelism(2)).By(grouping.Shuffle), "work", sinkOf(func(int) error { return nil }))
	r := start(t, topology.Must(d.Build()), quiet)
	if err := r.Wait(); err != nil {
		t.Fatal(err)
	}
	if s := part(t, r.Stats(), "src"); s.Detail["lag"] != "6" || s.Detail["state"] != "reads, reads" {
		t.Errorf("%v", s.Detail)
	}
}

// A hapless bolt takes its inputs, and nothing else of it works.
type hapless struct{}

func (hapless) Execute(context.Context, int, *bolt.Collector[int]) error { return nil }
func (hapless) Every() time.Duration                                     { return time.Second }
func (hapless) Tick(context.Context, *bolt.Collector[int]) error         { return errors.New("no disk") }
func (hapless) Drained(context.Context, *bolt.Collector[int]) error      { panic("no map") }

// TestFailedCallsAreCounted: the calls of a bolt's Tick and Drained that failed are in the
// Stats, of one process, of a worker and of a cluster.
func TestFailedCallsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		topo := func() *topology.Topology {
			d := topology.New("test")
			s := topology.Spout(d, "src", newPartitions(2, 1<<20, 5*time.Millisecond).New, topology.Parallelism(2))
			topology.Bolt(s.By(grouping.Shuffle), "work", func() hapless { return hapless{} }, topology.Parallelism(2))
			return must(d)
		}
		net, j := inproc.New(), &journal{}
		local := start(t, topo(), quiet)
		a, b := start(t, topo(), j.worker(net, "a")), start(t, topo(), j.worker(net, "b"))
		time.Sleep(10 * time.Second)
		all, err := cluster.ReadStats(t.Context(), net, "test")
		if err != nil || len(all) != 1 {
			t.Fatalf("%v, %v", all, err)
		}
		for i, s := range []cluster.Stats{local.Stats(), a.Stats(), all[0]} {
			if c := s.Counters; c["ticks failed"] < 5 || c["drained calls failed"] < 5 {
				t.Errorf("%d: %v", i, c)
			}
		}
		if n, one := all[0].Counters["ticks failed"], a.Stats().Counters["ticks failed"]; n <= one {
			t.Errorf("%d ticks failed in the cluster, %d of them in one worker", n, one)
		}
		for _, r := range []*cluster.Running{local, a, b} {
			if err := r.Drain(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
}

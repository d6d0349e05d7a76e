package cluster_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/topology"
	"github.com/waterspout/waterspout/transport"
	"github.com/waterspout/waterspout/transport/inproc"
)

// A ledge is a net whose stores can go away, while frames pass, and which notes who
// sends to whom.
type ledge struct {
	transport.Net

	mu      sync.Mutex
	away    chan struct{}              // nil: they are there; else closed when they are back
	members map[string]map[string]bool // by cluster
	sent    map[string]int             // frames, by cluster
	strange []string
}

func newLedge(net transport.Net) *ledge {
	return &ledge{Net: net, members: map[string]map[string]bool{}, sent: map[string]int{}}
}

func (l *ledge) Open(ctx context.Context, cluster, worker string) (transport.Conn, error) {
	c, err := l.Net.Open(ctx, cluster, worker)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.members[cluster] == nil {
		l.members[cluster] = map[string]bool{}
	}
	l.members[cluster][worker] = true
	return &ledgeConn{c, l, cluster}, nil
}

func (l *ledge) stores(away bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if away {
		l.away = make(chan struct{})
	} else {
		close(l.away)
		l.away = nil
	}
}

// wait waits until the stores are there.
func (l *ledge) wait(ctx context.Context) error {
	l.mu.Lock()
	away := l.away
	l.mu.Unlock()
	if away == nil {
		return nil
	}
	select {
	case <-away:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

type ledgeConn struct {
	transport.Conn
	net     *ledge
	cluster string
}

func (c *ledgeConn) Send(ctx context.Context, to string, lane transport.Lane, payload []byte) error {
	c.net.mu.Lock()
	c.net.sent[c.cluster]++
	if !c.net.members[c.cluster][to] {
		c.net.strange = append(c.net.strange, c.cluster+" to "+to)
	}
	c.net.mu.Unlock()
	return c.Conn.Send(ctx, to, lane, payload)
}

func (c *ledgeConn) Store(ctx context.Context, name string) (transport.Store, error) {
	if err := c.net.wait(ctx); err != nil {
		return nil, err
	}
	s, err := c.Conn.Store(ctx, name)
	return &ledgeStore{s, c.net}, err
}

type ledgeStore struct {
	transport.Store
	net *ledge
}

func (s *ledgeStore) Get(ctx context.Context, key string) (transport.Entry, error) {
	if err := s.net.wait(ctx); err != nil {
		return transport.Entry{}, err
	}
	return s.Store.Get(ctx, key)
}

func (s *ledgeStore) Put(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	if err := s.net.wait(ctx); err != nil {
		return 0, err
	}
	return s.Store.Put(ctx, key, value, revision)
}

func (s *ledgeStore) Delete(ctx context.Context, key string, revision uint64) error {
	if err := s.net.wait(ctx); err != nil {
		return err
	}
	return s.Store.Delete(ctx, key, revision)
}

// An outpost is a topology that counts how often its tasks were opened.
type outpost struct {
	source      *partitions
	seen        tally[int]
	opens, live atomic.Int64
}

func (o *outpost) topology() *topology.Topology {
	d := topology.New("test")
	s := topology.Spout(d, "src", func() countedReader { return countedReader{o.source.New(), &o.opens} }, topology.Parallelism(len(o.source.committed)))
	w := topology.Bolt(s.By(grouping.Shuffle), "work", func() *counted { return &counted{same, &o.opens, &o.live, nil} }, topology.Parallelism(4))
	topology.Bolt(w.By(grouping.Value), "sink", o.seen.sink(), topology.Parallelism(2))
	return must(d)
}

func (o *outpost) committed() (n int) {
	o.source.mu.Lock()
	defer o.source.mu.Unlock()
	for _, c := range o.source.committed {
		n += c
	}
	return n
}

// TestAwayForAMinute takes the stores, or the whole net, away for a minute: nothing is
// placed anew, no task starts again, and all goes on.
func TestAwayForAMinute(t *testing.T) {
	for _, what := range []string{"stores", "net"} {
		synctest.Test(t, func(t *testing.T) {
			below := inproc.New()
			net, j := newLedge(below), &journal{}
			o := &outpost{source: newPartitions(3, 1<<20, 20*time.Millisecond)}
			var all []*cluster.Running
			for i := range 3 {
				all = append(all, start(t, o.topology(), j.worker(net, fmt.Sprint("w", i))))
			}
			time.Sleep(10 * time.Second)
			opens, before := o.opens.Load(), o.committed()
			if what == "net" {
				below.Down()
			} else {
				net.stores(true)
			}
			time.Sleep(time.Minute)
			during := o.committed()
			if what == "net" {
				below.Up()
			} else {
				net.stores(false)
				if during-before < 3*60*40 {
					t.Errorf("without the stores only %d were committed", during-before)
				}
			}
			time.Sleep(10 * time.Second)
			after := o.committed()
			if again := o.opens.Load() - opens; again != 0 {
				t.Errorf("%s: %d tasks were started again\n%s", what, again, j)
			}
			if after-during < 3*10*25 {
				t.Errorf("%s: only %d were committed in the ten seconds after it\n%s", what, after-during, j)
			}
			for _, r := range all {
				go r.Drain(t.Context())
			}
			for _, r := range all {
				if err := ended(t, j, r, time.Minute); err != nil {
					t.Errorf("%s: %v", what, err)
				}
			}
			if n := o.committed(); len(o.seen.seen) != n {
				t.Errorf("%s: %d committed, %d seen", what, n, len(o.seen.seen))
			}
			if o.live.Load() != 0 {
				t.Errorf("%s: %d tasks are open", what, o.live.Load())
			}
		})
	}
}

// TestStoresAreWiped: everybody starts afresh, and nothing is missing.
func TestStoresAreWiped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, j := inproc.New(), &journal{}
		o := &outpost{source: newPartitions(3, 1<<20, 20*time.Millisecond)}
		var all []*cluster.Running
		for i := range 3 {
			all = append(all, start(t, o.topology(), j.worker(net, fmt.Sprint("w", i))))
		}
		time.Sleep(10 * time.Second)
		net.Wipe()
		time.Sleep(10 * time.Second)
		before := o.committed()
		time.Sleep(5 * time.Second)
		if n := o.committed() - before; n < 3*5*40 {
			t.Errorf("after it %d were committed in five seconds\n%s", n, j)
		}
		for _, r := range all {
			go r.Drain(t.Context())
		}
		for _, r := range all {
			if err := ended(t, j, r, time.Minute); err != nil {
				t.Error(err)
			}
		}
		if n := o.committed(); len(o.seen.seen) != n {
			t.Errorf("%d committed, %d seen", n, len(o.seen.seen))
		}
		if t.Failed() {
			t.Logf("failures %v\n%s", o.source.failed, j)
		}
		if n := strings.Count(j.String(), "joining afresh"); n != 3 {
			t.Errorf("%d workers joined afresh", n)
		}
	})
}

// A called spout has a name that its topology's fingerprint covers.
type called struct {
	*reader
	name string
}

func (c called) Name() string { return c.name }

// TestVersionsKeepApart: topologies that differ only in the parallelism of a bolt, or
// in what a spout reads, run beside each other, exchange no frame, and the log says
// so.
func TestVersionsKeepApart(t *testing.T) {
	type version struct {
		tasks int
		in    string
	}
	for what, versions := range map[string][2]version{
		"parallelism": {{2, "in"}, {3, "in"}},
		"name":        {{2, "in"}, {2, "other"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			net := newLedge(inproc.New())
			var all []*cluster.Running
			var logs [2]*journal
			var seen [2]tally[int]
			var sources [2]*partitions
			for k, v := range versions {
				logs[k], sources[k] = &journal{}, newPartitions(2, 1<<20, 20*time.Millisecond)
				for i := range 2 {
					d := topology.New("test")
					s := topology.Spout(d, "src", func() called { return called{sources[k].New(), v.in} }, topology.Parallelism(2))
					topology.Bolt(s.By(grouping.Shuffle), "sink", seen[k].sink(), topology.Parallelism(v.tasks))
					all = append(all, start(t, must(d), logs[k].worker(net, fmt.Sprint("w", i)))) // the same names in both
				}
			}
			time.Sleep(20 * time.Second)
			for k := range versions {
				want := "cluster test also runs as "
				if !strings.Contains(logs[k].String(), want) || what == "parallelism" && !strings.Contains(logs[k].String(), "sink x") {
					t.Errorf("%s: the log of %d misses %q:\n%s", what, k, want, logs[k])
				}
			}
			stats, err := cluster.ReadStats(t.Context(), net, "test")
			if err != nil || len(stats) != 2 || stats[0].Fingerprint == stats[1].Fingerprint || len(stats[0].Workers) != 2 {
				t.Errorf("%s: stats %+v, %v", what, stats, err)
			}
			for _, r := range all {
				go r.Drain(t.Context())
			}
			for i, r := range all {
				if err := ended(t, logs[i/2], r, time.Minute); err != nil {
					t.Errorf("%s: %v", what, err)
				}
			}
			if len(net.sent) != 2 || len(net.strange) > 0 {
				t.Errorf("%s: frames %v, to strangers %v", what, net.sent, net.strange)
			}
			for k := range versions {
				n := sources[k].committed[0] + sources[k].committed[1]
				if n < 2*10*40 || len(seen[k].seen) != n || strangers(logs[k]) {
					t.Errorf("%s: %d committed, %d seen\n%s", what, n, len(seen[k].seen), logs[k])
				}
			}
		})
	}
}

// strangers reports whether a mesh was sent a frame of another cluster.
func strangers(j *journal) bool { return strings.Contains(j.String(), "of another cluster") }

var _ spout.Opener = called{}

package cluster_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
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

// A slow net delivers every frame late, those of one lane later than the others'. It
// is not narrow: as many frames as one likes are on their way.
type slow struct {
	transport.Net
	delays [transport.Lanes]time.Duration
}

func (s slow) Open(ctx context.Context, cluster, worker string) (transport.Conn, error) {
	c, err := s.Net.Open(ctx, cluster, worker)
	return slowConn{c, s}, err
}

// A slowConn sends the time along, in front of each frame.
type slowConn struct {
	transport.Conn
	net slow
}

func (c slowConn) Send(ctx context.Context, to string, lane transport.Lane, payload []byte) error {
	sent := binary.LittleEndian.AppendUint64(nil, uint64(time.Now().UnixNano()))
	return c.Conn.Send(ctx, to, lane, append(sent, payload...))
}

func (c slowConn) Recv(ctx context.Context, lane transport.Lane) ([]byte, error) {
	f, err := c.Conn.Recv(ctx, lane)
	if err != nil {
		return nil, err
	}
	time.Sleep(time.Until(time.Unix(0, int64(binary.LittleEndian.Uint64(f))).Add(c.net.delays[lane])))
	return f[8:], nil
}

// TestSlowNet lets workers come and go, and a topology end, over nets that are slow in
// different ways: nothing that nobody tracks is lost, and what bolts say in their last
// tick arrives.
func TestSlowNet(t *testing.T) {
	for seed := range uint64(6) {
		synctest.Test(t, func(t *testing.T) {
			dice := rand.New(rand.NewPCG(seed, 4))
			some := func() time.Duration { return time.Duration(dice.IntN(120)) * time.Millisecond }
			net, j := slow{inproc.New(), [transport.Lanes]time.Duration{some(), some()}}, &journal{}
			g := &gate{n: 1500, every: 4 * time.Millisecond, open: make(chan struct{}), tracked: seed%2 == 0}
			var seen tally[int]
			var sum atomic.Int64
			topo := func() *topology.Topology {
				d := topology.New("test")
				s := topology.Spout(d, "src", g.New, topology.Timeout(time.Hour))
				m := topology.Bolt(s.By(grouping.Shuffle), "map", bolt.Map(func(_ context.Context, v int) (int, error) { return v, nil }), topology.Parallelism(4))
				topology.Bolt(m.By(grouping.Value), "sink", seen.sink(), topology.Parallelism(3))
				f := topology.Bolt(m.By(grouping.Shuffle), "first", func() *summer { return &summer{} }, topology.Parallelism(2))
				l := topology.Bolt(f.By(grouping.Shuffle), "second", func() *summer { return &summer{} }, topology.Parallelism(2))
				topology.Bolt(l.By(grouping.Global), "sum", sinkOf(func(v int) error { sum.Add(int64(v)); return nil }))
				return must(d)
			}
			var all []*cluster.Running
			for i := range 3 {
				all = append(all, start(t, topo(), j.worker(net, fmt.Sprint("w", i))))
			}
			time.Sleep(3 * time.Second)
			close(g.open)
			time.Sleep(time.Second)
			all = append(all, start(t, topo(), j.worker(net, "late")))
			time.Sleep(time.Second)
			for i, r := range all { // one that has no spout
				if part(t, r.Stats(), "src").Emitted == 0 {
					if err := r.Drain(t.Context()); err != nil {
						t.Error(err)
					}
					all = append(all[:i:i], all[i+1:]...)
					break
				}
			}
			for _, r := range all {
				if err := ended(t, j, r, time.Minute); err != nil {
					t.Error(err)
				}
			}
			for v := range g.n {
				if seen.seen[v] != 1 {
					t.Fatalf("seed %d, %v: %d came %d times; %d of %d came\n%s", seed, net.delays, v, seen.seen[v], len(seen.seen), g.n, j)
				}
			}
			if want := int64(g.n * (g.n - 1) / 2); sum.Load() != want {
				t.Errorf("seed %d, %v: the sum is %d, want %d\n%s", seed, net.delays, sum.Load(), want, j)
			}
		})
	}
}

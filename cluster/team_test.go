package cluster_test

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/topology"
	"github.com/waterspout/waterspout/transport"
)

// mode is a worker of that name whose log is j.
func (j *journal) worker(net transport.Net, name string) cluster.Worker {
	return cluster.Worker{Net: net, Name: name, Log: slog.New(slog.NewTextHandler(j, &slog.HandlerOptions{Level: slog.LevelDebug}))}
}

// ended waits for a worker's end.
func ended(t *testing.T, j *journal, r *cluster.Running, limit time.Duration) error {
	t.Helper()
	select {
	case <-r.Done():
	case <-time.After(limit):
		t.Fatalf("a worker still runs after %v\n%s", limit, j)
	}
	return r.Wait()
}

// A gate is a spout that emits the numbers below n, untracked or not, once it is open.
type gate struct {
	n       int
	every   time.Duration
	open    chan struct{}
	tracked bool
}

func (g *gate) New() spout.Func[int] {
	return func(ctx context.Context, out *spout.Emitter[int]) error {
		select {
		case <-g.open:
		case <-ctx.Done():
			return nil
		}
		for v := range g.n {
			if g.every > 0 {
				<-time.After(g.every)
			}
			if g.tracked {
				if !out.EmitID(v, uint64(v)) {
					return nil
				}
			} else if !out.Emit(v) {
				return nil
			}
		}
		return nil
	}
}

// A counted bolt counts its openings, and what is open.
type counted struct {
	bolt.Func[int, int]
	opens, live *atomic.Int64
	fails       func(bolt.Task) error
}

func (c *counted) Open(_ context.Context, task bolt.Task) error {
	if c.fails != nil {
		if err := c.fails(task); err != nil {
			return err
		}
	}
	c.opens.Add(1)
	c.live.Add(1)
	return nil
}

func (c *counted) Close() error {
	c.live.Add(-1)
	return nil
}

// A countedReader counts its openings.
type countedReader struct {
	*reader
	opens *atomic.Int64
}

func (r countedReader) Open(ctx context.Context, task spout.Task) error {
	r.opens.Add(1)
	return r.reader.Open(ctx, task)
}

func same(_ context.Context, v int, out *bolt.Collector[int]) error {
	out.Emit(v)
	return nil
}

func must(d *topology.Builder) *topology.Topology { return topology.Must(d.Build()) }

package kafka_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/topology"
)

// Both ends in a real topology: every record of one topic arrives in the other
// exactly once, although one in fifty fails before it is passed on, and all is
// committed.
func TestTopologyCopiesATopic(t *testing.T) {
	const n = 20_000
	broker := fresh(t, "in:5", "out:3")
	put(t, broker, "in", series(0, n)...)
	b := topology.New("copy")
	in := kafka.Spout{
		Brokers: broker.Addrs(), Topics: []string{"in"}, Group: "terran", Stop: kafka.AtEnd,
		Retry: spout.Retry{Backoff: time.Millisecond, Max: 10 * time.Millisecond},
	}
	out := kafka.Bolt{Brokers: broker.Addrs(), Topic: "out"}
	var failed sync.Map
	pass := bolt.Map(func(_ context.Context, r kafka.Record) (kafka.Record, error) {
		if r.Offset%50 == 0 {
			if _, again := failed.LoadOrStore([2]int64{int64(r.Partition), r.Offset}, true); !again {
				return kafka.Record{}, errors.New("not at the first attempt")
			}
		}
		return kafka.Of(r.Value), nil
	})
	read := topology.Spout(b, "read", in.New, topology.Parallelism(5))
	passed := topology.Bolt(read.By(grouping.Shuffle), "pass", pass, topology.Parallelism(3))
	topology.Bolt(passed.By(grouping.Shuffle), "write", out.New)
	if err := cluster.Run(t.Context(), topology.Must(b.Build()), cluster.Local{}); err != nil {
		t.Fatal(err)
	}
	written, err := broker.Read(t.Context(), "out")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, r := range written {
		seen[string(r.Value)]++
	}
	if len(written) != n || len(seen) != n {
		t.Errorf("%d records with %d values written, want %d", len(written), len(seen), n)
	}
	for p := range int32(5) {
		if got := committed(t, broker, "in", p); got != n/5 {
			t.Errorf("partition %d: committed %d, want %d", p, got, n/5)
		}
	}
}

// A record that is given up without a dead-letter topic ends the topology, with
// an error that names it.
func TestTopologyHalts(t *testing.T) {
	broker := fresh(t, "in")
	put(t, broker, "in", series(0, 100)...)
	b := topology.New("halt")
	in := kafka.Spout{Brokers: broker.Addrs(), Topics: []string{"in"}, Group: "terran"}
	read := topology.Spout(b, "read", in.New)
	topology.Bolt(read.By(grouping.Shuffle), "check", bolt.Sink(func(_ context.Context, r kafka.Record) error {
		if r.Offset == 42 {
			return bolt.Reject(errors.New("never"))
		}
		return nil
	}))
	err := cluster.Run(t.Context(), topology.Must(b.Build()), cluster.Local{})
	if err == nil {
		t.Fatal("no error")
	}
	wantText(t, err, "read", "in/0", "offset 42", "check", "never")
	if got := committed(t, broker, "in", 0); got != 42 {
		t.Errorf("committed %d, want 42", got)
	}
}

// A drain in the middle commits all that ended: what a second run writes, the
// first did not.
func TestTopologyDrains(t *testing.T) {
	const n = 5000
	broker := fresh(t, "in:2", "out")
	put(t, broker, "in", series(0, n)...)
	run := func(ctx context.Context, stop kafka.Stop) {
		t.Helper()
		b := topology.New("drain")
		in := kafka.Spout{Brokers: broker.Addrs(), Topics: []string{"in"}, Group: "terran", Stop: stop}
		out := kafka.Bolt{Brokers: broker.Addrs(), Topic: "out"}
		read := topology.Spout(b, "read", in.New, topology.Parallelism(2), topology.MaxPending(100))
		topology.Bolt(read.By(grouping.Shuffle), "write", out.New)
		if err := cluster.Run(ctx, topology.Must(b.Build()), cluster.Local{}); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		eventually(t, "something is committed", func() bool { return committed(t, broker, "in", 0) > 0 })
		cancel()
	}()
	run(ctx, kafka.Never)
	run(t.Context(), kafka.AtEnd)
	written, err := broker.Read(t.Context(), "out")
	if err != nil {
		t.Fatal(err)
	}
	if len(written) != n {
		t.Errorf("%d records written, want %d, each once", len(written), n)
	}
}

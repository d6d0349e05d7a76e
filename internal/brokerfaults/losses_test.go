package brokerfaults

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/internal/tweets"
	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/topology"
)

const losses = 3

// Whatever a job asks of a broker, three lost connections cost nothing but a moment: not
// when it opens, reads, writes, commits or leaves, and whether the broker has handled the
// request or not.
func TestLostConnections(t *testing.T) {
	for _, key := range []kmsg.Key{
		kmsg.ApiVersions, kmsg.Metadata, kmsg.FindCoordinator, kmsg.JoinGroup, kmsg.SyncGroup, kmsg.Heartbeat, kmsg.LeaveGroup,
		kmsg.OffsetFetch, kmsg.OffsetCommit, kmsg.ListOffsets, kmsg.Fetch, kmsg.InitProducerID, kmsg.Produce,
	} {
		for at, where := range []string{before: "before", after: "after", within: "within"} {
			t.Run(fmt.Sprint(key.Name(), "/", where), func(t *testing.T) {
				outliveLosses(t, &breaker{key: key, at: loss(at), left: losses})
			})
		}
	}
}

// outliveLosses copies all of a topic, with one task, so that no rebalance doubles what a
// slow hand-over left open, and judges.
func outliveLosses(t *testing.T, b *breaker) {
	t.Helper()
	const n = 2000
	c, err := kfake.NewCluster(kfake.SeedTopics(partitions, "in", "out"), kfake.ListenFn(b.listen))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	l := &lab{t: t, cluster: c}
	l.connect(c.ListenAddrs())
	if err := l.broker.Fill(t.Context(), "in", tweets.New(1).Records(0, n)); err != nil {
		t.Fatal(err)
	}
	in := kafka.Spout{Brokers: l.addrs, Topics: []string{"in"}, Group: "terran", Sarama: settings(), Stop: kafka.AtEnd, CommitEvery: 50 * time.Millisecond}
	out := kafka.Bolt{Brokers: l.addrs, Topic: "out", Sarama: settings()}
	topo := topology.New("copy")
	read := topology.Spout(topo, "read", in.New, topology.Timeout(time.Minute))
	topology.Bolt(read.By(grouping.Shuffle), "write", out.New)
	begin := time.Now()
	if err := cluster.Run(t.Context(), topology.Must(topo.Build()), cluster.Local{Log: slog.New(slog.DiscardHandler)}); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
	if b.struck(losses) == 0 {
		t.Error("nothing was lost")
	}
	if at := l.committed(); at != n {
		t.Errorf("committed %d of %d", at, n)
	}
	s := seen{rate: n}
	l.judge(&s)
	if s.In != n || s.Duplicates > 0 || s.Disorder > 0 {
		t.Error(s)
	}
}

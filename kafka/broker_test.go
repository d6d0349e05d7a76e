package kafka_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/internal/tweets"
	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/kafka/kafkatest"
)

// feed writes n tweets into the topic in, at a steady rate: two seconds of them.
// Its goroutine ends before the test does.
func feed(t *testing.T, b *kafkatest.Broker, n uint64) {
	t.Helper()
	fed := make(chan error, 1)
	go func() {
		fed <- b.Fill(t.Context(), "in", tweets.Paced(t.Context(), tweets.New(1).Records(0, n), int(n/2)))
	}()
	t.Cleanup(func() {
		if err := <-fed; err != nil && !t.Failed() {
			t.Error(err)
		}
	})
}

// untilCopied waits until the topic out has some records.
func untilCopied(t *testing.T, b *kafkatest.Broker, some int64) {
	t.Helper()
	eventually(t, "some records are copied", func() bool {
		ends, err := b.EndOffsets(t.Context(), "out")
		return err == nil && ends.Sum() >= some
	})
}

// wantCopied waits until all n records of the topic in are committed, and looks for
// each in the topic out.
func wantCopied(t *testing.T, b *kafkatest.Broker, n int) tweets.Verdict {
	t.Helper()
	var sum int64
	eventually(t, "all is committed", func() bool {
		all, err := b.Committed(t.Context(), "terran")
		sum = all["in"].Sum()
		return err == nil && sum >= int64(n)
	})
	check := tweets.Check{In: tweets.Data{Topic: "in"}, Out: tweets.Data{Topic: "out"}}
	v, err := check.Run(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", v)
	if v.In != n || v.Missing != 0 || v.Phantoms != 0 {
		t.Errorf("got %+v, want %d in and none missing", v, n)
	}
	return v
}

// assigned are how many partitions each member of the group has.
func assigned(t *testing.T, b *kafkatest.Broker) []int {
	t.Helper()
	described, err := kadm.NewClient(franz(t, b)).DescribeGroups(t.Context(), "terran")
	if err != nil {
		return nil // such as a coordinator that is not there yet
	}
	var counts []int
	for _, m := range described["terran"].Members {
		n := 0
		if a, ok := m.Assigned.AsConsumer(); ok {
			for _, topic := range a.Topics {
				n += len(topic.Partitions)
			}
		}
		counts = append(counts, n)
	}
	slices.Sort(counts)
	return counts
}

func untilAssigned(t *testing.T, b *kafkatest.Broker, want ...int) {
	t.Helper()
	var got []int
	defer func() {
		if t.Failed() {
			t.Logf("assigned %v, want %v", got, want)
		}
	}()
	eventually(t, "the partitions are spread", func() bool {
		got = assigned(t, b)
		return slices.Equal(got, want)
	})
}

// A second process joins while records flow, and leaves again: each hand-over is
// drained, so that nothing is lost or doubled.
func TestTwoProcessesRebalance(t *testing.T) {
	const n = 20_000
	b := fresh(t, "in:8", "out:3")
	one := spawn(t, b.Addrs(), "")
	untilAssigned(t, b, 4, 4)
	feed(t, b, n)
	untilCopied(t, b, n/10)
	two := spawn(t, b.Addrs(), "")
	untilAssigned(t, b, 2, 2, 2, 2)
	two.drain(t)
	untilAssigned(t, b, 4, 4)
	if v := wantCopied(t, b, n); v.Duplicates > 0 {
		t.Errorf("%d records doubled by rebalances without a fault", v.Duplicates)
	}
	one.drain(t)
}

// A static member that was killed comes back under its name and goes on at once,
// although the group would wait five minutes for it.
func TestKilledStaticMember(t *testing.T) {
	const n = 20_000
	b := fresh(t, "in:8", "out:3")
	stays, dies := spawn(t, b.Addrs(), "stays"), spawn(t, b.Addrs(), "dies")
	untilAssigned(t, b, 2, 2, 2, 2)
	feed(t, b, n)
	untilCopied(t, b, n/10)
	dies.kill()
	successor := spawn(t, b.Addrs(), "dies")
	wantCopied(t, b, n)
	untilAssigned(t, b, 2, 2, 2, 2)
	successor.drain(t)
	stays.drain(t)
}

// The broker is killed and comes back while records flow.
func TestBrokerRestarts(t *testing.T) {
	const n = 20_000
	b := fresh(t, "in:8", "out:3")
	ctx, drain := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- cluster.Run(ctx, copier(b.Addrs(), ""), cluster.Local{}) }()
	untilAssigned(t, b, 4, 4)
	feed(t, b, n)
	untilCopied(t, b, n/10)
	restart(t, b)
	wantCopied(t, b, n)
	drain()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// The broker stops in the middle of everything, answers nobody for longer than
// either end waits, and goes on: what was sent twice is there once and in order.
func TestBrokerFreezes(t *testing.T) {
	b := fresh(t, "in")
	conf := quick()
	conf.Net.ReadTimeout = time.Second
	sink := open(t, kafka.Bolt{Brokers: b.Addrs(), Topic: "in", Sarama: conf})
	spec := spoutOf(b, "in")
	spec.Sarama.Net.ReadTimeout = time.Second
	r := start(t, spec, ack)
	records := numbered(2000)
	sink.write(t, records[:1000]...)
	sink.wait(t, 1000)
	r.untilEmitted(1000)
	thaw := freeze(t, b)
	sink.write(t, records[1000:]...)
	eventually(t, "the reader notices", func() bool { return strings.Contains(r.source.Detail()["state"], "fails") })
	thaw()
	if failed := sink.wait(t, 1000); len(failed) > 0 {
		t.Errorf("%d records failed: %v", len(failed), failed[1001])
	}
	if diff := cmp.Diff(values(records), values(read(t, b, "in"))); diff != "" {
		t.Error(diff)
	}
	untilCommitted(t, b, "in", 0, 2000)
	if d := wantAll(t, []*reader{r}, 2000); d != 0 {
		t.Errorf("%d records doubled", d)
	}
}

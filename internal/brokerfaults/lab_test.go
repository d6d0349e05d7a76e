package brokerfaults

import (
	"context"
	"fmt"
	"hash/maphash"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/internal/tweets"
	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/kafka/kafkatest"
	"github.com/waterspout/waterspout/topology"
)

const (
	partitions = 4
	tasks      = 2   // that read
	batch      = 256 // a spout task emits as many at once, and so beyond its max pending
)

// A lab is a Kafka that can be made to suffer, and a job on it.
type lab struct {
	t       *testing.T
	ctx     context.Context // ends with the pouring
	cluster *kfake.Cluster  // nil on Apache Kafka
	addrs   []string
	broker  *kafkatest.Broker
	cutter  *cutter
	rng     *rand.Rand
	running *cluster.Running
	hits    int          // of the fault; the fault's until it has ended
	again   uint64       // records that copiers that were drained have replayed
	back    atomic.Int64 // when the fault was over, in nanoseconds since 1970; 0 until then
}

// seen is what came of a fault.
type seen struct {
	tweets.Verdict
	Disorder int           // outputs that must go for the others to be in order
	Replayed uint64        // by the spouts
	Took     time.Duration // from the first record poured to the last committed
	Stale    time.Duration // the longest time without a new commit
	Back     time.Duration // from the end of the fault to the next record in the output
	Pending  int           // the most trees that were open at a time
	Hits     int           // how often the fault struck
	rate     int
}

func (s seen) String() string {
	return fmt.Sprintf("records %d, missing %d, duplicates %d, phantoms %d, out of order %d, replayed %d, struck %d times, commits stood still for %.1f s, output after %.1f s, at most %d pending, %.0f %% of the input's rate",
		s.In, s.Missing, s.Duplicates, s.Phantoms, s.Disorder, s.Replayed, s.Hits, s.Stale.Seconds(), s.Back.Seconds(), s.Pending, s.kept())
}

// kept is how much of the input's rate the job kept, in percent.
func (s seen) kept() float64 { return 100 * float64(s.In) / float64(s.rate) / s.Took.Seconds() }

func newLab(t *testing.T, seed uint64) *lab {
	t.Helper()
	l := &lab{t: t, rng: rand.New(rand.NewPCG(seed, 1)), cutter: &cutter{rng: rand.New(rand.NewPCG(seed, 2))}}
	var err error
	l.cluster, err = kfake.NewCluster(
		kfake.SeedTopics(partitions, "in", "out"), kfake.ListenFn(l.cutter.listen),
		kfake.BrokerConfigs(map[string]string{"log.segment.bytes": strconv.Itoa(64 << 10)}),
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.cluster.Close)
	l.connect(l.cluster.ListenAddrs())
	return l
}

func (l *lab) connect(addrs []string) {
	l.t.Helper()
	var err error
	l.addrs = addrs
	if l.broker, err = kafkatest.Connect(l.t.Context(), addrs...); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(l.broker.Close)
}

// settings have the times of a test: what a broker says or does not say is noticed
// soon.
func settings() *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.V3_6_0_0
	c.Net.DialTimeout = time.Second
	c.Net.ReadTimeout = 2 * time.Second
	c.Metadata.Retry.Max = 2
	c.Metadata.Retry.Backoff = 50 * time.Millisecond
	c.Consumer.MaxWaitTime = 50 * time.Millisecond
	c.Consumer.Retry.Backoff = 50 * time.Millisecond
	c.Consumer.Group.Heartbeat.Interval = 200 * time.Millisecond
	c.Consumer.Group.Session.Timeout = 45 * time.Second // Kafka's own default, and more than any fault takes
	c.Consumer.Group.Rebalance.Timeout = 4 * time.Second
	c.Consumer.Group.Rebalance.Retry.Backoff = 50 * time.Millisecond
	c.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategyCooperativeSticky()}
	return c
}

// copier copies the topic in to the topic out: two tasks read, one writes, so that
// what one task reads of a partition is written in its order.
func (l *lab) copier() *topology.Topology {
	in := kafka.Spout{Brokers: l.addrs, Topics: []string{"in"}, Group: "terran", Sarama: settings(), CommitEvery: 50 * time.Millisecond}
	out := kafka.Bolt{Brokers: l.addrs, Topic: "out"}
	b := topology.New("copy")
	// More than any fault takes, or trees are replayed that the writer has in doubt.
	read := topology.Spout(b, "read", in.New, topology.Parallelism(tasks), topology.Timeout(time.Minute))
	topology.Bolt(read.By(grouping.Shuffle), "write", out.New)
	return topology.Must(b.Build())
}

// start runs one more copier beside those that run.
func (l *lab) start() (*cluster.Running, error) {
	log := slog.New(slog.NewTextHandler(l.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	return cluster.Start(context.WithoutCancel(l.t.Context()), l.copier(), cluster.Local{Log: log})
}

func (l *lab) drain(r *cluster.Running) {
	l.t.Helper()
	for _, c := range r.Stats().Components {
		l.again += c.Replayed
	}
	if err := r.Drain(context.WithoutCancel(l.t.Context())); err != nil {
		l.t.Error(err)
	}
}

// suffer pours n records at a rate while fault goes on, waits until all of them are
// committed, and judges. The fault ends, and undoes what it did, when l.ctx ends.
func (l *lab) suffer(n, rate int, fault func(l *lab)) seen {
	l.t.Helper()
	var err error
	if l.running, err = l.start(); err != nil {
		l.t.Fatal(err)
	}
	l.untilShared()
	began := make(chan struct{})
	var end context.CancelFunc
	l.ctx, end = context.WithCancel(l.t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		<-began
		fault(l)
	})
	s := seen{rate: rate}
	start := time.Now()
	watch := newWatch(l)
	close(began)
	err = l.broker.Fill(l.t.Context(), "in", tweets.Paced(l.t.Context(), tweets.New(1).Records(0, uint64(n)), rate))
	end()
	all.Wait()
	if err != nil {
		l.t.Fatal(err)
	}
	l.untilCommitted(int64(n))
	s.Took, s.Hits = time.Since(start), l.hits
	watch.stop()
	s.Stale, s.Back, s.Pending = watch.gap, watch.back, watch.pending
	l.drain(l.running)
	s.Replayed = l.again
	l.judge(&s)
	l.t.Log(s)
	return s
}

// pass lets time pass, which is the length of a fault; it reports false when the
// pouring has ended.
func (l *lab) pass(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-l.ctx.Done():
		return false
	}
}

// during lets a fault go on for a time and no longer.
func (l *lab) during(d time.Duration, fault func(*lab)) {
	pouring := l.ctx
	ctx, end := context.WithTimeout(pouring, d)
	defer end()
	l.ctx = ctx
	fault(l)
	l.ctx = pouring
}

// untilShared waits until the tasks have shared out the partitions: who loses a connection
// while the group forms may lose the membership with it, and what was not committed.
func (l *lab) untilShared() {
	l.t.Helper()
	each := fmt.Sprintf("reads %d partitions", partitions/tasks)
	want := strings.Join(slices.Repeat([]string{each}, tasks), ", ")
	l.until("the partitions are shared out", func() bool {
		return l.running.Stats().Components[0].Detail["state"] == want
	})
}

func (l *lab) untilCommitted(n int64) {
	l.t.Helper()
	l.until(fmt.Sprintf("%d are committed", n), func() bool { return l.committed() >= n })
}

func (l *lab) until(what string, is func() bool) {
	l.t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	deadline := time.After(2 * time.Minute)
	for !is() {
		select {
		case <-again.C:
		case <-deadline:
			l.t.Fatalf("never: %s; %d committed: %+v", what, l.committed(), l.running.Stats().Components)
		}
	}
}

// committed is how many records of the input are; 0 if nobody tells.
func (l *lab) committed() int64 { return l.offsets().Sum() }

// offsets are those committed; none if nobody tells.
func (l *lab) offsets() kafkatest.Offsets {
	all, err := l.broker.Committed(l.t.Context(), "terran")
	if err != nil {
		return nil
	}
	return all["in"]
}

// judge reads what is there, with a client that knows nothing of what happened.
func (l *lab) judge(s *seen) {
	l.t.Helper()
	b, err := kafkatest.Connect(l.t.Context(), l.addrs...)
	if err != nil {
		l.t.Fatal(err)
	}
	defer b.Close()
	check := tweets.Check{In: tweets.Data{Topic: "in"}, Out: tweets.Data{Topic: "out"}}
	if s.Verdict, err = check.Run(l.t.Context(), b); err != nil {
		l.t.Fatal(err)
	}
	if s.Missing > 0 || s.Phantoms > 0 {
		l.t.Errorf("data is lost, or comes from nowhere: %v", s)
	}
	if s.Disorder, err = disorder(l.t.Context(), b); err != nil {
		l.t.Fatal(err)
	}
}

// disorder counts, in each partition of the output, how many records must go for those
// that are of one partition of the input to be in its order: no more than were
// replayed, each of which may come late.
func disorder(ctx context.Context, b *kafkatest.Broker) (n int, err error) {
	type place struct {
		partition int32
		offset    int64
	}
	seed := maphash.MakeSeed()
	from := map[uint64]place{}
	for r, err := range b.Records(ctx, "in", nil) {
		if err != nil {
			return 0, err
		}
		from[maphash.Bytes(seed, r.Value)] = place{r.Partition, r.Offset}
	}
	ways := map[[2]int32]ascent{}
	for r, err := range b.Records(ctx, "out", nil) {
		if err != nil {
			return 0, err
		}
		key := maphash.Bytes(seed, r.Value)
		p, first := from[key]
		if !first {
			continue // a double, which the verdict counts
		}
		delete(from, key)
		way := [2]int32{p.partition, r.Partition}
		ways[way] = ways[way].add(p.offset)
		n++
	}
	for _, a := range ways {
		n -= len(a)
	}
	return n, nil
}

// An ascent is as long as the longest ascending part of what was added to it: its nth
// is the least that such a part of n can end with.
type ascent []int64

func (a ascent) add(offset int64) ascent {
	at, _ := slices.BinarySearch(a, offset)
	if at == len(a) {
		return append(a, offset)
	}
	a[at] = offset
	return a
}

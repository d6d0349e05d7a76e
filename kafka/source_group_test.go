package kafka_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/kafka/kafkatest"
	"github.com/waterspout/waterspout/spout"
)

// shares are how many partitions each task reads, the most first.
func shares(rs []*reader) []int {
	out := []int{}
	for _, r := range rs {
		out = append(out, r.partitions())
	}
	slices.Sort(out)
	slices.Reverse(out)
	return out
}

func tasks(t *testing.T, spec kafka.Spout, from, n int) []*reader {
	t.Helper()
	rs := make([]*reader, n)
	for i := range rs {
		rs[i] = newReader(t, spec, from+i, ack)
	}
	return rs
}

func untilShares(t *testing.T, rs []*reader, want []int) {
	t.Helper()
	var got []int
	defer func() {
		if t.Failed() {
			t.Logf("shares %v, want %v", got, want)
		}
	}()
	eventually(t, fmt.Sprintf("the partitions are spread as %v", want), func() bool {
		got = shares(rs)
		return slices.Equal(got, want)
	})
}

// Read parallelism: the group spreads the partitions over the tasks, and those
// without any are idle and say so.
func TestSourceReadParallelism(t *testing.T) {
	for n, want := range map[int][]int{
		1:  {10},
		5:  {2, 2, 2, 2, 2},
		10: {1, 1, 1, 1, 1, 1, 1, 1, 1, 1},
		14: {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0},
	} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			broker := fresh(t, "in:10")
			rs := tasks(t, spoutOf(broker, "in"), 0, n)
			untilShares(t, rs, want)
			put(t, broker, "in", series(0, 1000)...)
			for p := range int32(10) {
				untilCommitted(t, broker, "in", p, 100)
			}
			seen := map[string]int{}
			idle := 0
			for _, r := range rs {
				for _, v := range r.values() {
					seen[v]++
				}
				if r.source.Detail()["state"] == "idle, no partition" {
					idle++
				}
			}
			if len(seen) != 1000 || idle != max(0, n-10) {
				t.Errorf("%d values, %d idle tasks", len(seen), idle)
			}
		})
	}
}

// A running topology of one task and a second one with 13 more in the same group
// end up as one with 14, and lose nothing on the way.
func TestSourceSecondTopologyInTheGroup(t *testing.T) {
	broker := fresh(t, "in:10")
	put(t, broker, "in", series(0, 1000)...)
	spec := spoutOf(broker, "in")
	rs := tasks(t, spec, 0, 1)
	untilShares(t, rs, []int{10})
	rs = append(rs, tasks(t, spec, 1, 13)...)
	untilShares(t, rs, []int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0})
	put(t, broker, "in", series(1000, 1000)...)
	for p := range int32(10) {
		untilCommitted(t, broker, "in", p, 200)
	}
	wantAll(t, rs, 2000)
}

// wantAll checks that the tasks emitted the values 0 to n-1, and returns how many
// they emitted more than once.
func wantAll(t *testing.T, rs []*reader, n int) (doubled int) {
	t.Helper()
	seen := map[string]int{}
	for _, r := range rs {
		for _, v := range r.values() {
			seen[v]++
		}
	}
	missing := 0
	for i := range n {
		switch c := seen[fmt.Sprint(i)]; {
		case c == 0:
			missing++
		case c > 1:
			doubled += c - 1
		}
	}
	if missing > 0 || len(seen) > n {
		t.Errorf("missing %d of %d, %d values", missing, n, len(seen))
	}
	return doubled
}

// A partition that is taken away stops being read at once, waits for its open
// trees, and is handed over with all that ended committed: nothing is doubled.
func TestSourceRevokeWaitsForOpenTrees(t *testing.T) {
	broker := fresh(t, "in:2")
	put(t, broker, "in", series(0, 20)...)
	spec := spoutOf(broker, "in")
	spec.CommitEvery = time.Hour // only the hand-over commits
	one := newReader(t, spec, 0, hold)
	one.untilEmitted(20)
	two := newReader(t, spec, 1, ack)
	eventually(t, "a partition is being taken away", func() bool { return one.partitions() == 1 })
	if two.partitions() != 0 {
		t.Error("the partition was handed over with open trees")
	}
	one.settle(ack)
	eventually(t, "it is handed over", func() bool { return two.partitions() == 1 })
	put(t, broker, "in", series(20, 2)...)
	two.untilEmitted(1)
	one.untilEmitted(21)
	if d := wantAll(t, []*reader{one, two}, 22); d != 0 {
		t.Errorf("%d records doubled", d)
	}
}

// A tree that never ends holds a partition only up to the deadline. What it had
// emitted is read again by the successor; late answers do no harm (rule P3).
func TestSourceRevokeDeadline(t *testing.T) {
	broker := fresh(t, "in:2")
	put(t, broker, "in", series(0, 20)...)
	spec := spoutOf(broker, "in")
	spec.Sarama.Consumer.Group.Rebalance.Timeout = 400 * time.Millisecond
	one := newReader(t, spec, 0, hold)
	one.untilEmitted(20)
	two := newReader(t, spec, 1, hold)
	two.untilEmitted(10)
	if n := one.log.count("taken away with open trees"); n != 1 {
		t.Errorf("logged %d times, want once:\n%s", n, one.log)
	}
	one.settle(ack)
	p := two.emitted[0].Partition
	two.settle(func(r kafka.Record) error {
		if r.Offset < 3 {
			return nil
		}
		return errHeld
	})
	untilCommitted(t, broker, "in", 1-p, 10)
	untilCommitted(t, broker, "in", p, 3) // and not 10: those acks came late
}

// A rebalance goes on while EmitID blocks on back pressure, and what blocks is
// not emitted for a partition that is gone.
func TestSourceRevokeWhileEmitBlocks(t *testing.T) {
	broker := fresh(t, "in:2")
	put(t, broker, "in", series(0, 2000)...)
	spec := spoutOf(broker, "in")
	spec.Sarama.Consumer.Group.Rebalance.Timeout = 400 * time.Millisecond
	one := newReader(t, spec, 0, ack)
	one.untilEmitted(100)
	one.block(true)
	two := newReader(t, spec, 1, ack)
	untilShares(t, []*reader{one, two}, []int{1, 1})
	one.block(false)
	for p := range int32(2) {
		untilCommitted(t, broker, "in", p, 1000)
	}
	wantAll(t, []*reader{one, two}, 2000)
}

// Members come and go all the time: nothing is lost, commits never go back.
func TestSourceRebalanceStorm(t *testing.T) {
	const total = 3060 // 17 per partition and turn
	broker := fresh(t, "in:6")
	spec := spoutOf(broker, "in")
	stable := tasks(t, spec, 0, 2)
	all := slices.Clone(stable)
	var stop atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() { // a paced input
		pace := time.NewTicker(20 * time.Millisecond)
		defer pace.Stop()
		for i := 0; i < total; i += 102 {
			put(t, broker, "in", series(i, 102)...)
			<-pace.C
		}
	})
	wg.Go(func() { watchCommits(t, broker, &stop) })
	for i := range 6 {
		guest := newReader(t, spec, 10+i, ack)
		all = append(all, guest)
		eventually(t, "the guest has a partition", func() bool { return guest.partitions() > 0 })
		guest.stop()
	}
	for p := range int32(6) {
		untilCommitted(t, broker, "in", p, total/6)
	}
	stop.Store(true)
	wg.Wait()
	if d := wantAll(t, all, total); d > total/10 {
		t.Errorf("%d of %d records doubled", d, total)
	}
}

// A record in back-off comes again at once when its partition is taken away:
// else the successor would do again all that was acked behind it.
func TestSourceReplaysBeforeItLetsGo(t *testing.T) {
	broker := fresh(t, "in:2")
	put(t, broker, "in", series(0, 20)...)
	spec := spoutOf(broker, "in")
	spec.Retry = spout.Retry{Backoff: time.Hour, Max: time.Hour}
	var failed sync.Map
	first := start(t, spec, func(r kafka.Record) error {
		if _, again := failed.LoadOrStore(r.Partition, true); !again {
			return errors.New("the first of each partition fails once")
		}
		return nil
	})
	first.untilEmitted(20)
	second := newReader(t, spec, 1, ack)
	eventually(t, "the second has a partition", func() bool { return second.partitions() == 1 })
	eventually(t, "the partition that moved is committed whole", func() bool {
		return committed(t, broker, "in", 0) == 10 || committed(t, broker, "in", 1) == 10
	})
	second.stop()
	if n := len(second.values()); n != 0 {
		t.Errorf("the second read %d records that the first had done", n)
	}
}

// watchCommits fails the test when a committed offset goes back.
func watchCommits(t *testing.T, b *kafkatest.Broker, stop *atomic.Bool) {
	last := map[int32]int64{}
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for ; !stop.Load(); <-look.C {
		for p := range int32(6) {
			at := committed(t, b, "in", p)
			if at >= 0 && at < last[p] {
				t.Errorf("partition %d: committed %d after %d", p, at, last[p])
			}
			last[p] = max(last[p], at)
		}
	}
}

// A static member's successor of the same name takes over at once; a closed one
// leaves.
func TestSourceStaticMembership(t *testing.T) {
	broker := kafkatest.Start(t, "in")
	put(t, broker, "in", series(0, 10)...)
	spec := spoutOf(broker, "in")
	spec.Instance = "spire"
	spec.Sarama.Consumer.Group.Session.Timeout = time.Minute
	one := start(t, spec, ack)
	untilCommitted(t, broker, "in", 0, 10)
	two := start(t, spec, ack) // as after a crash, of which the group knows nothing
	untilShares(t, []*reader{two}, []int{1})
	put(t, broker, "in", series(10, 10)...)
	two.untilEmitted(10)
	one.until("Run returns", func() bool { return finished(one.done) })
	wantText(t, one.err, "terran", "instance id")
	untilCommitted(t, broker, "in", 0, 20)
	two.stop()
	if members := broker.Cluster().GroupInfo("terran").Members; len(members) != 0 {
		t.Errorf("members after Close: %v", members)
	}
	three := newReader(t, spec, 1, ack)
	put(t, broker, "in", series(20, 1)...)
	three.untilEmitted(1)
	if diff := cmp.Diff([]string{"20"}, three.values()); diff != "" {
		t.Error(diff)
	}
}

// A task that holds its bytes is paused: it fetches no more, keeps its place in
// the group, and goes on when records end.
func TestSourcePausesOnBytes(t *testing.T) {
	broker := kafkatest.Start(t, "in")
	for i := range 100 {
		put(t, broker, "in", kafka.Record{Value: fmt.Appendf(make([]byte, 0, 1000), "%-1000d", i)})
	}
	spec := spoutOf(broker, "in")
	spec.Sarama.Consumer.Fetch.Default = 1 // a record a fetch
	spec.MaxBytes = 5000
	r := start(t, spec, hold)
	r.untilEmitted(5)
	before := broker.Cluster().GroupInfo("terran")
	var beats atomic.Int64
	broker.Cluster().ControlKey(int16(kmsg.Heartbeat), func(kmsg.Request) (kmsg.Response, error, bool) {
		broker.Cluster().KeepControl()
		beats.Add(1)
		return nil, nil, false
	})
	eventually(t, "the member has beaten five times", func() bool { return beats.Load() >= 5 })
	if n := len(r.values()); n != 5 {
		t.Errorf("%d records of a kilobyte emitted, want 5", n)
	}
	if after := broker.Cluster().GroupInfo("terran"); before.Epoch != after.Epoch {
		t.Errorf("generation %v before, %v after", before.Epoch, after.Epoch)
	}
	r.mu.Lock()
	r.decide = ack
	r.mu.Unlock()
	r.settle(ack)
	untilCommitted(t, broker, "in", 0, 100)
	if d := wantOnce(r); d != nil {
		t.Error(d)
	}
}

func wantOnce(r *reader) error {
	for i, v := range r.values() {
		if v != fmt.Sprintf("%-1000d", i) {
			return errors.New("out of order")
		}
	}
	return nil
}

// With an eager strategy each rebalance takes all partitions away and gives some
// back: other ownerships (rule P3), with nothing lost or, when trees end in time,
// doubled.
func TestSourceEagerStrategy(t *testing.T) {
	broker := fresh(t, "in:6")
	put(t, broker, "in", series(0, 600)...)
	spec := spoutOf(broker, "in")
	spec.Sarama.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategyRange()}
	rs := tasks(t, spec, 0, 1)
	rs[0].untilEmitted(300)
	rs = append(rs, tasks(t, spec, 1, 2)...)
	untilShares(t, rs, []int{2, 2, 2})
	put(t, broker, "in", series(600, 600)...)
	for p := range int32(6) {
		untilCommitted(t, broker, "in", p, 200)
	}
	if d := wantAll(t, rs, 1200); d != 0 {
		t.Errorf("%d records doubled", d)
	}
}

// A partition that is added to the topic is read, from its start, by a running
// task: also what was written there before the task noticed.
func TestSourceReadsNewPartitions(t *testing.T) {
	broker := fresh(t, "in:1")
	spec := spoutOf(broker, "in")
	spec.Sarama.Metadata.RefreshFrequency = 100 * time.Millisecond
	rs := tasks(t, spec, 0, 1)
	untilShares(t, rs, []int{1})
	put(t, broker, "in", series(0, 10)...)
	untilCommitted(t, broker, "in", 0, 10)
	client := franz(t, broker, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MetadataMinAge(10*time.Millisecond))
	if _, err := kadm.NewClient(client).CreatePartitions(t.Context(), 2, "in"); err != nil {
		t.Fatal(err)
	}
	add := func(from, n int) {
		for i := range n {
			r := &kgo.Record{Topic: "in", Partition: int32(i % 3), Value: fmt.Append(nil, from+i)}
			if err := client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	add(10, 30)
	untilShares(t, rs, []int{3})
	add(40, 30)
	untilCommitted(t, broker, "in", 0, 30)
	untilCommitted(t, broker, "in", 1, 20)
	untilCommitted(t, broker, "in", 2, 20)
	if d := wantAll(t, rs, 70); d != 0 {
		t.Errorf("%d records doubled", d)
	}
}

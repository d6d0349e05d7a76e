package kafka_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/kafka/kafkatest"
)

// transact writes values in transactions, each of which is committed or not.
func transact(t *testing.T, client *kgo.Client, commit kgo.TransactionEndTry, values ...string) {
	t.Helper()
	if err := client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	for _, v := range values {
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "in", Value: []byte(v)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	if err := client.EndTransaction(t.Context(), commit); err != nil {
		t.Fatal(err)
	}
}

// Markers and aborted data have offsets, also the last ones of a partition:
// commits pass them.
func TestSourcePassesTransactions(t *testing.T) {
	broker := fresh(t, "in")
	one := franz(t, broker, kgo.TransactionalID("one"))
	two := franz(t, broker, kgo.TransactionalID("two"))
	transact(t, one, kgo.TryCommit, "a", "b")
	transact(t, two, kgo.TryAbort, "no")
	transact(t, one, kgo.TryAbort, "no", "no")
	put(t, broker, "in", kafka.Of([]byte("c")))
	// Two interleaved ones, of which one is aborted.
	for _, c := range []*kgo.Client{one, two} {
		if err := c.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
	}
	for i, c := range []*kgo.Client{one, two, one, two} {
		value := []string{"d", "no", "e", "no"}[i]
		if err := c.ProduceSync(t.Context(), &kgo.Record{Topic: "in", Value: []byte(value)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	for i, c := range []*kgo.Client{two, one} {
		if err := c.EndTransaction(t.Context(), []kgo.TransactionEndTry{kgo.TryAbort, kgo.TryCommit}[i]); err != nil {
			t.Fatal(err)
		}
	}
	transact(t, two, kgo.TryAbort, "no")                      // the log ends with aborted data and its marker
	const end = 17                                            // of them 11 records
	eventually(t, "the last marker is written", func() bool { // a broker says earlier that a transaction has ended
		ends, err := broker.EndOffsets(t.Context(), "in")
		return err == nil && ends[0] == end
	})
	spec := spoutOf(broker, "in")
	spec.Stop = kafka.AtEnd
	r := start(t, spec, ack)
	r.until("Run returns", func() bool { return finished(r.done) })
	if diff := cmp.Diff([]string{"a", "b", "c", "d", "e"}, r.values()); diff != "" {
		t.Error(diff)
	}
	if got := committed(t, broker, "in", 0); got != end {
		t.Errorf("committed %d, want the end, %d", got, end)
	}
	spec.Group, spec.Uncommitted = "protoss", true
	r = start(t, spec, ack)
	r.until("Run returns", func() bool { return finished(r.done) })
	if n := len(r.values()); n != 11 {
		t.Errorf("uncommitted: %d records, want 11", n)
	}
}

// A running task commits the end, too, when all that came was aborted; and waits
// for an open transaction.
func TestSourceFollowsTransactionsLive(t *testing.T) {
	broker := fresh(t, "in")
	client := franz(t, broker, kgo.TransactionalID("one"))
	r := start(t, spoutOf(broker, "in"), ack)
	transact(t, client, kgo.TryAbort, "no", "no")
	untilCommitted(t, broker, "in", 0, 3)
	if err := client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "in", Value: []byte("a")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	put(t, broker, "in", kafka.Of([]byte("b")))
	if n := len(r.values()); n != 0 {
		t.Errorf("%d records of or behind an open transaction", n)
	}
	if err := client.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	untilCommitted(t, broker, "in", 0, 6)
	if diff := cmp.Diff([]string{"a", "b"}, r.values()); diff != "" {
		t.Error(diff)
	}
}

// Compaction leaves gaps before, between and behind what is left of a batch.
func TestSourcePassesCompactedGaps(t *testing.T) {
	broker := kafkatest.Start(t)
	if err := broker.CreateTopic(t.Context(), "in", "cleanup.policy", "compact", "segment.bytes", "200", "delete.retention.ms", "0", "min.compaction.lag.ms", "0"); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for i := range 100 {
		key, value := fmt.Append(nil, i%7), fmt.Append(nil, i)
		want[string(key)] = string(value)
		put(t, broker, "in", kafka.Record{Key: key, Value: value})
	}
	broker.Cluster().Compact()
	left, err := broker.Read(t.Context(), "in")
	if err != nil {
		t.Fatal(err)
	}
	if len(left) == 100 {
		t.Fatal("nothing was compacted")
	}
	spec := spoutOf(broker, "in")
	spec.Stop = kafka.AtEnd
	r := start(t, spec, ack)
	r.until("Run returns", func() bool { return finished(r.done) })
	if len(r.values()) != len(left) {
		t.Errorf("%d records, want the %d that are left", len(r.values()), len(left))
	}
	got := map[string]string{}
	for _, e := range r.emitted {
		got[string(e.Key)] = string(e.Value)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := committed(t, broker, "in", 0); got != 100 {
		t.Errorf("committed %d, want 100", got)
	}
}

// deleteRecords deletes those of partition 0 of the topic in before an offset.
func deleteRecords(t *testing.T, b *kafkatest.Broker, before int64) {
	t.Helper()
	var offsets kadm.Offsets
	offsets.AddOffset("in", 0, before, -1)
	if _, err := kadm.NewClient(franz(t, b)).DeleteRecords(t.Context(), offsets); err != nil {
		t.Fatal(err)
	}
	starts, err := b.StartOffsets(t.Context(), "in")
	if err != nil || starts[0] != before {
		t.Fatalf("the topic starts at %v, want %d; %v", starts, before, err)
	}
}

// Records that were deleted before they were read: said once, counted, skipped.
func TestSourceOutOfRangeAtStart(t *testing.T) {
	for first, want := range map[kafka.First][]string{
		kafka.Earliest: {"15", "16", "17", "18", "19", "20"}, kafka.Latest: {"20"},
	} {
		t.Run(first.String(), func(t *testing.T) {
			broker := fresh(t, "in")
			put(t, broker, "in", series(0, 10)...)
			r := start(t, spoutOf(broker, "in"), ack)
			untilCommitted(t, broker, "in", 0, 10)
			r.stop()
			put(t, broker, "in", series(10, 10)...)
			deleteRecords(t, broker, 15)
			spec := spoutOf(broker, "in")
			spec.OutOfRange = first
			at := int64(15)
			if first == kafka.Latest {
				at = 20
			}
			refused := func() int { return 3 }
			if c := broker.Cluster(); c != nil { // a real broker has no reason to refuse
				refused = c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.RebalanceInProgress, Count: 3}).Hits
			}
			r = start(t, spec, func(kafka.Record) error {
				if refused() != 3 {
					t.Error("emitted from an offset that was not committed")
				}
				return errHeld
			})
			untilCommitted(t, broker, "in", 0, at) // before anything is acked
			put(t, broker, "in", series(20, 1)...)
			r.untilEmitted(len(want))
			if diff := cmp.Diff(want, r.values()); diff != "" {
				t.Error(diff)
			}
			if n := r.log.count("offset is gone"); n != 1 {
				t.Errorf("logged %d times, want once:\n%s", n, r.log)
			}
			if n := r.log.count(fmt.Sprintf("skipped=%d", at-10)); n != 1 {
				t.Errorf("does not say how many were skipped:\n%s", r.log)
			}
		})
	}
}

// Records that are deleted while older ones are open: the older ones keep their
// replay, and are committed before reading goes on elsewhere (rule P1).
func TestSourceOutOfRangeWaitsForOpenTrees(t *testing.T) {
	broker := fresh(t, "in")
	for i := range 20 { // a batch each, so that a fetch brings one
		put(t, broker, "in", kafka.Record{Value: append(fmt.Appendf(nil, "%02d", i), make([]byte, 1000)...)})
	}
	spec := spoutOf(broker, "in")
	spec.Sarama.Consumer.Fetch.Default = 1
	spec.MaxBytes = 1 // one fetch is held, two wait
	r := start(t, spec, hold)
	r.untilEmitted(1)
	untilCommitted(t, broker, "in", 0, 0)
	deleteRecords(t, broker, 15)
	if n := len(r.values()); n != 1 {
		t.Fatalf("%d records emitted although only one fetch may be held", n)
	}
	r.mu.Lock()
	r.decide = ack
	r.mu.Unlock()
	r.settle(ack)
	untilCommitted(t, broker, "in", 0, 20)
	values := r.values()
	n := len(values)
	if n < 6 || n > 9 { // one was out, up to three had been fetched
		t.Fatalf("%d records emitted, want 6 to 9", n)
	}
	for i, v := range values {
		want := i
		if i >= n-5 {
			want = 20 - (n - i)
		}
		if v[:2] != fmt.Sprintf("%02d", want) {
			t.Errorf("record %d is %s, want %02d", i, v[:2], want)
		}
	}
	if got := r.log.count("offset is gone"); got != 1 {
		t.Errorf("logged %d times, want once:\n%s", got, r.log)
	}
}

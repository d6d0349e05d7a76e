package kafkatest_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/kafka/kafkatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func Example() {
	broker, err := kafkatest.Run("in:5", "out")
	if err != nil {
		log.Fatal(err)
	}
	defer broker.Close()
	ctx := context.Background()
	if err := broker.Produce(ctx, "in", kafka.Of([]byte("hello")), kafka.Of([]byte("world"))); err != nil {
		log.Fatal(err)
	}
	records, err := broker.Read(ctx, "in")
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range records {
		fmt.Printf("partition %d offset %d: %s\n", r.Partition, r.Offset, r.Value)
	}
	// Output:
	// partition 0 offset 0: hello
	// partition 1 offset 0: world
}

func records(n int) []kafka.Record {
	out := make([]kafka.Record, n)
	for i := range out {
		out[i] = kafka.Of(fmt.Appendf(nil, "%d", i))
	}
	return out
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestReadGivesBackWhatWasProduced(t *testing.T) {
	broker := kafkatest.Start(t, "in")
	in := []kafka.Record{
		{Key: []byte("k"), Value: []byte("v"), Time: time.UnixMilli(1_700_000_000_001), Headers: []kafka.Header{{Key: "h", Value: []byte("x")}}},
		{Key: []byte("tombstone"), Time: time.UnixMilli(5)},
		{Value: []byte("plain"), Time: time.UnixMilli(9)},
	}
	if err := broker.Produce(t.Context(), "in", in...); err != nil {
		t.Fatal(err)
	}
	got := must[[]kafka.Record](t)(broker.Read(t.Context(), "in"))
	if diff := cmp.Diff(in, got, cmpopts.IgnoreFields(kafka.Record{}, "Topic", "Offset")); diff != "" {
		t.Error(diff)
	}
}

func TestProduceFillsPartitionsInTurn(t *testing.T) {
	broker := kafkatest.Start(t, "in:4")
	for range 2 {
		if err := broker.Produce(t.Context(), "in", records(6)...); err != nil {
			t.Fatal(err)
		}
	}
	ends := must[kafkatest.Offsets](t)(broker.EndOffsets(t.Context(), "in"))
	if diff := cmp.Diff(kafkatest.Offsets{0: 4, 1: 4, 2: 2, 3: 2}, ends); diff != "" || ends.Sum() != 12 {
		t.Error(diff)
	}
}

// TestFillEndsWithItsContext: also when the broker has a record and does not answer.
func TestFillEndsWithItsContext(t *testing.T) {
	broker := kafkatest.Start(t, "in")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	broker.Cluster().ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		broker.Cluster().KeepControl()
		cancel()
		return nil, nil, true
	})
	if err := broker.Produce(ctx, "in", kafka.Of([]byte("a"))); !errors.Is(err, context.Canceled) {
		t.Errorf("Produce: %v", err)
	}
}

func TestReadEmptyTopic(t *testing.T) {
	broker := kafkatest.Start(t, "in:3")
	if got := must[[]kafka.Record](t)(broker.Read(t.Context(), "in")); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}

func TestRecordsFromOffsets(t *testing.T) {
	broker := kafkatest.Start(t, "in:2")
	if err := broker.Produce(t.Context(), "in", records(10)...); err != nil {
		t.Fatal(err)
	}
	n := 0
	for r, err := range broker.Records(t.Context(), "in", kafkatest.Offsets{0: 3, 1: 5}) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Partition != 0 || r.Offset < 3 {
			t.Errorf("got partition %d offset %d", r.Partition, r.Offset)
		}
		n++
	}
	if n != 2 {
		t.Errorf("%d records, want 2", n)
	}
}

// Markers and truncation leave gaps that Read must not wait for.
func TestReadOverGaps(t *testing.T) {
	broker := kafkatest.Start(t, "in")
	client, err := kgo.NewClient(kgo.SeedBrokers(broker.Addrs()...), kgo.TransactionalID("t"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "in", Value: []byte("a")}, &kgo.Record{Topic: "in", Value: []byte("b")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := client.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	if err := broker.Cluster().DeleteRecords("in", 0, 1); err != nil {
		t.Fatal(err)
	}
	ends := must[kafkatest.Offsets](t)(broker.EndOffsets(t.Context(), "in"))
	starts := must[kafkatest.Offsets](t)(broker.StartOffsets(t.Context(), "in"))
	if ends[0] != 3 || starts[0] != 1 {
		t.Errorf("offsets %v to %v, want 1 to 3", starts, ends)
	}
	if got := must[[]kafka.Record](t)(broker.Read(t.Context(), "in")); len(got) != 1 || string(got[0].Value) != "b" {
		t.Errorf("got %v", got)
	}
}

func TestCommitted(t *testing.T) {
	broker := kafkatest.Start(t, "in:3")
	client, err := kgo.NewClient(kgo.SeedBrokers(broker.Addrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var offsets kadm.Offsets
	offsets.AddOffset("in", 1, 42, -1)
	if err := kadm.NewClient(client).CommitAllOffsets(t.Context(), "g", offsets); err != nil {
		t.Fatal(err)
	}
	got := must[map[string]kafkatest.Offsets](t)(broker.Committed(t.Context(), "g"))
	if diff := cmp.Diff(map[string]kafkatest.Offsets{"in": {1: 42}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestCreateTopicWithConfig(t *testing.T) {
	broker := kafkatest.Start(t)
	if err := broker.CreateTopic(t.Context(), "small:2", "max.message.bytes", "100"); err != nil {
		t.Fatal(err)
	}
	if err := broker.Produce(t.Context(), "small", kafka.Of(make([]byte, 200))); err == nil || !strings.Contains(err.Error(), "produce to small") {
		t.Errorf("a record that is too large: %v", err)
	}
	if ends := must[kafkatest.Offsets](t)(broker.EndOffsets(t.Context(), "small")); len(ends) != 2 {
		t.Errorf("%d partitions, want 2", len(ends))
	}
}

func TestMistakes(t *testing.T) {
	if _, err := kafkatest.Run("in:none"); err == nil || !strings.Contains(err.Error(), `topic "in:none"`) {
		t.Errorf("bad topic: %v", err)
	}
	broker := kafkatest.Start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := broker.Read(ctx, "nowhere"); err == nil {
		t.Error("a missing topic was read")
	}
	gone, cancelGone := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancelGone()
	if _, err := kafkatest.Connect(gone, "127.0.0.1:1"); err == nil || !strings.Contains(err.Error(), "no Kafka at 127.0.0.1:1") {
		t.Errorf("nobody there: %v", err)
	}
	for _, err := range broker.Records(gone, "nowhere", nil) {
		if err == nil {
			t.Error("a record of a missing topic")
		}
	}
}

func TestConnect(t *testing.T) {
	broker := kafkatest.Start(t, "in")
	other, err := kafkatest.Connect(t.Context(), broker.Addrs()...)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Produce(t.Context(), "in", records(3)...); err != nil {
		t.Error(err)
	}
	other.Close()
	if got := must[[]kafka.Record](t)(broker.Read(t.Context(), "in")); len(got) != 3 || other.Cluster() != nil {
		t.Errorf("got %d records", len(got))
	}
}

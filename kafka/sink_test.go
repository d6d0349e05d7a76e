package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/kafka/kafkatest"
)

func TestSinkGivesZeroTimesTheCurrentTime(t *testing.T) {
	broker := fresh(t, "out")
	sink := open(t, kafka.Bolt{Brokers: broker.Addrs(), Topic: "out"})
	before := time.Now().Truncate(time.Millisecond)
	sink.write(t, numbered(3)...)
	sink.wait(t, 3)
	for _, r := range read(t, broker, "out") {
		if r.Time.Before(before) || r.Time.After(time.Now()) {
			t.Errorf("the record has time %s", r.Time)
		}
	}
}

// Rule W1: nothing is acked before the broker answered.
func TestSinkHoldsTheInputUntilTheBrokerAnswers(t *testing.T) {
	broker := kafkatest.Start(t, "out")
	sink := open(t, kafka.Bolt{Brokers: broker.Addrs(), Topic: "out"})
	reached, answer := make(chan struct{}), make(chan struct{})
	broker.Cluster().ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		broker.Cluster().DropControl()
		close(reached)
		broker.Cluster().SleepControl(func() { <-answer })
		return nil, nil, false
	})
	sink.write(t, numbered(5)...)
	<-reached
	if n := sink.count(); n != 0 {
		t.Errorf("%d inputs ended before the broker answered", n)
	}
	close(answer)
	if failed := sink.wait(t, 5); len(failed) > 0 {
		t.Error(failed)
	}
}

func TestSinkKeepsOrderWithinAPartition(t *testing.T) {
	broker := fresh(t, "out")
	sink := open(t, kafka.Bolt{Brokers: broker.Addrs(), Topic: "out"})
	records := numbered(20_000)
	sink.write(t, records...)
	sink.wait(t, len(records))
	if diff := cmp.Diff(values(records), values(read(t, broker, "out"))); diff != "" {
		t.Error(diff)
	}
}

// Each partition has its turn, of one chunk if the broker is quick, of 256 KiB and a
// chunk at most.
func TestSinkSpreadsKeylessRecordsInBatches(t *testing.T) {
	const partitions, size, records, chunk = 5, 1000, 5000, 100
	broker := fresh(t, fmt.Sprintf("out:%d", partitions))
	sink := open(t, kafka.Bolt{Brokers: broker.Addrs(), Topic: "out"})
	value := make([]byte, size)
	for range records / chunk {
		sink.write(t, slices.Repeat([]kafka.Record{kafka.Of(value)}, chunk)...)
	}
	sink.wait(t, records)
	byPartition := make([]int, partitions)
	for _, r := range read(t, broker, "out") {
		byPartition[r.Partition]++
	}
	turns := records * size / (256<<10 + chunk*size) / partitions // at least, of each
	if slices.Min(byPartition) < turns*chunk {
		t.Errorf("records by partition: %v, want %d or more", byPartition, turns*chunk)
	}
}

// The kit's client is an independent implementation of the Java client's choice.
func TestSinkPutsKeysWhereOtherClientsDo(t *testing.T) {
	broker := fresh(t, "theirs:7", "ours:7")
	records := numbered(500)
	for i := range records {
		records[i].Key = records[i].Value
	}
	if err := broker.Produce(t.Context(), "theirs", records...); err != nil {
		t.Fatal(err)
	}
	sink := open(t, kafka.Bolt{Brokers: broker.Addrs(), Topic: "ours"})
	sink.write(t, records...)
	sink.wait(t, len(records))
	opts := cmpopts.IgnoreFields(kafka.Record{}, "Topic", "Time")
	if diff := cmp.Diff(read(t, broker, "theirs"), read(t, broker, "ours"), opts); diff != "" {
		t.Error(diff)
	}
}

// What a sink has found missing is written once it is there, and not rejected before: a
// record that comes too soon is failed, so that it comes again.
func TestSinkFindsWhatWasAdded(t *testing.T) {
	broker := fresh(t, "out:1")
	sink := open(t, kafka.Bolt{Brokers: broker.Addrs(), Partitioner: kafka.Manual, Sarama: quick(), TopicOf: func(r kafka.Record) string {
		return string(r.Value)
	}})
	late, out := kafka.Of([]byte("late")), kafka.Of([]byte("out"))
	out.Partition = 2
	sink.write(t, late, out)
	if failed := sink.wait(t, 2); !bolt.IsReject(failed[1]) || !bolt.IsReject(failed[2]) {
		t.Fatalf("want both rejected, got %v", failed)
	}
	createTopic(t, broker, "late")
	if _, err := kadm.NewClient(franz(t, broker)).UpdatePartitions(t.Context(), 3, "out"); err != nil {
		t.Fatal(err)
	}
	n := uint32(2)
	for _, r := range []kafka.Record{late, out} {
		eventually(t, "the record is written", func() bool {
			sink.write(t, r)
			n++
			err := sink.wait(t, 1)[n]
			if bolt.IsReject(err) {
				t.Fatal(err)
			}
			return err == nil
		})
	}
	if got := read(t, broker, "out"); len(got) != 1 || got[0].Partition != 2 {
		t.Errorf("got %v", got)
	}
}

func TestSinkManualPartition(t *testing.T) {
	broker := fresh(t, "out:3")
	sink := open(t, kafka.Bolt{Brokers: broker.Addrs(), Topic: "out", Partitioner: kafka.Manual})
	for i, p := range []int32{2, 0, 3} {
		r := kafka.Of(fmt.Appendf(nil, "%d", i))
		r.Partition = p
		sink.write(t, r)
	}
	failed := sink.wait(t, 3)
	if len(failed) != 1 || !bolt.IsReject(failed[3]) {
		t.Errorf("want partition 3 rejected, got %v", failed)
	}
	got := read(t, broker, "out")
	if len(got) != 2 || got[0].Partition != 0 || got[1].Partition != 2 || string(got[1].Value) != "0" {
		t.Errorf("got %v", got)
	}
}

func TestSinkTopicOf(t *testing.T) {
	broker := fresh(t, "even", "odd")
	sink := open(t, kafka.Bolt{Brokers: broker.Addrs(), TopicOf: func(r kafka.Record) string {
		return [...]string{"even", "odd"}[r.Value[len(r.Value)-1]%2]
	}})
	sink.write(t, numbered(100)...)
	sink.wait(t, 100)
	for _, topic := range []string{"even", "odd"} {
		if n := len(read(t, broker, topic)); n != 50 {
			t.Errorf("topic %s has %d records, want 50", topic, n)
		}
	}
}

// Close sends what no Drained has sent yet.
func TestSinkCloseFlushes(t *testing.T) {
	broker := fresh(t, "out")
	sink := open(t, kafka.Bolt{Brokers: broker.Addrs(), Topic: "out"})
	for _, r := range numbered(1000) {
		if err := sink.Execute(t.Context(), r, sink.out); err != nil {
			t.Fatal(err)
		}
	}
	if err := sink.Close(); err != nil {
		t.Error(err)
	}
	if failed := sink.wait(t, 1000); len(failed) > 0 {
		t.Error(failed)
	}
	if n := len(read(t, broker, "out")); n != 1000 {
		t.Errorf("the topic has %d records, want 1000", n)
	}
}

func TestSinkNeverOpenedCloses(t *testing.T) {
	var sink io.Closer = kafka.Bolt{}.New()
	if err := sink.Close(); err != nil {
		t.Error(err)
	}
}

// A broker that does not answer lets the buffers run full; then Execute waits,
// until its context ends.
func TestSinkBackPressureEndsWithTheContext(t *testing.T) {
	broker := kafkatest.Start(t, "out")
	sink := open(t, kafka.Bolt{Brokers: broker.Addrs(), Topic: "out"})
	answer := make(chan struct{})
	broker.Cluster().ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		broker.Cluster().DropControl()
		broker.Cluster().SleepControl(func() { <-answer })
		return nil, nil, false
	})
	ends := errors.New("the task ends")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 500*time.Millisecond, ends)
	defer cancel()
	record := kafka.Of(make([]byte, 1000))
	n, err := 0, error(nil)
	for ; err == nil; n++ {
		if n > 1e6 {
			t.Fatal("a million records went nowhere without back pressure")
		}
		err = sink.Execute(ctx, record, sink.out)
	}
	if !errors.Is(err, ends) {
		t.Errorf("got %q, want it to wrap %q", err, ends)
	}
	close(answer)
	if err := sink.Close(); err != nil {
		t.Error(err)
	}
	if failed := sink.wait(t, n); len(failed) > 0 {
		t.Errorf("%d inputs failed", len(failed))
	}
}

func TestBoltNeverChangesTheConfiguration(t *testing.T) {
	broker := kafkatest.Start(t, "out")
	conf := sarama.NewConfig()
	before := *conf
	sink := open(t, kafka.Bolt{Brokers: broker.Addrs(), Topic: "out", Sarama: conf, Compression: kafka.LZ4})
	sink.write(t, numbered(1)...)
	sink.wait(t, 1)
	now := *conf
	before.Producer.Partitioner, now.Producer.Partitioner = nil, nil // functions do not compare
	if !reflect.DeepEqual(before, now) {
		t.Error("the configuration changed")
	}
}

func TestBoltName(t *testing.T) {
	byRecord := kafka.Bolt{TopicOf: func(r kafka.Record) string { return r.Topic }}
	for want, b := range map[string]kafka.Bolt{"out": {Topic: "out"}, "by record": byRecord} {
		if got := b.Name(); got != want || b.New().Name() != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

package kafka_test

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/tuple"
)

// A time that sarama cannot say is refused, and nothing else with it.
func TestSinkRefusesTimesThatCannotBeWritten(t *testing.T) {
	broker := fresh(t, "out")
	sink := open(t, kafka.Bolt{Brokers: broker.Addrs(), Topic: "out"})
	for _, at := range []time.Time{time.Date(1969, 7, 20, 0, 0, 0, 0, time.UTC), time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC)} {
		sink.write(t, kafka.Record{Value: []byte("untimely"), Time: at})
	}
	good := []time.Time{time.UnixMilli(0), time.UnixMilli(1_700_000_000_000)} // a broker refuses what is to come
	for _, at := range good {
		sink.write(t, kafka.Record{Value: []byte("timely"), Time: at})
	}
	failed := sink.wait(t, 4)
	if len(failed) != 2 || !bolt.IsReject(failed[1]) || !bolt.IsReject(failed[2]) {
		t.Errorf("want the first two rejected, got %v", failed)
	}
	got := read(t, broker, "out")
	if len(got) != 2 || !got[0].Time.Equal(good[0]) || !got[1].Time.Equal(good[1]) {
		t.Errorf("the topic has %v", got)
	}
}

// Of a batch whose first record is older than 1970, sarama does not know when any was
// made: they have no time rather than a wrong one. All can be given up.
func TestSourceMeetsTimesBefore1970(t *testing.T) {
	broker := fresh(t, "in", "dead")
	client := franz(t, broker)
	old, young := time.UnixMilli(-86_400_000), time.UnixMilli(1_700_000_000_000)
	for _, batch := range [][]time.Time{{old, young}, {young, old}} {
		var records []*kgo.Record
		for _, at := range batch {
			records = append(records, &kgo.Record{Topic: "in", Timestamp: at})
		}
		if err := client.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	spec := spoutOf(broker, "in")
	spec.Dead = "dead"
	r := start(t, spec, func(kafka.Record) error { return tuple.Failure{Kind: tuple.Rejected} })
	untilCommitted(t, broker, "in", 0, 4)
	for i, want := range []time.Time{{}, {}, young, old} {
		if got := r.emitted[i].Time; !got.Equal(want) {
			t.Errorf("record %d has time %s, want %s", i, got.UTC(), want.UTC())
		}
	}
	if n := len(read(t, broker, "dead")); n != 4 {
		t.Errorf("%d dead letters of 4", n)
	}
}

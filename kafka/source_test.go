package kafka_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/spout/spouttest"
)

func TestSourceReadsToTheEndAndCommits(t *testing.T) {
	broker := fresh(t, "in:5")
	put(t, broker, "in", series(0, 2000)...)
	spec := spoutOf(broker, "in")
	spec.Stop = kafka.AtEnd
	r := start(t, spec, ack)
	r.until("Run returns", func() bool { return finished(r.done) })
	if r.err != nil {
		t.Fatal(r.err)
	}
	seen := map[string]int{}
	for _, v := range r.values() {
		seen[v]++
	}
	if len(seen) != 2000 || len(r.values()) != 2000 {
		t.Errorf("%d values in %d records, want 2000", len(seen), len(r.values()))
	}
	for p := range int32(5) {
		if got := committed(t, broker, "in", p); got != 400 {
			t.Errorf("partition %d: committed %d, want 400", p, got)
		}
	}
}

func finished(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// Detail is called from any goroutine: also before Open.
func TestSourceDetailBeforeOpen(t *testing.T) {
	if d := (kafka.Spout{}).New().Detail(); len(d) != 0 {
		t.Error(d)
	}
}

func TestSourceSmallTopics(t *testing.T) {
	for _, n := range []int{0, 1} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			broker := fresh(t, "in")
			put(t, broker, "in", series(0, n)...)
			spec := spoutOf(broker, "in")
			spec.Stop = kafka.AtEnd
			r := start(t, spec, ack)
			r.until("Run returns", func() bool { return finished(r.done) })
			if r.err != nil || len(r.values()) != n || committed(t, broker, "in", 0) != int64(n) {
				t.Errorf("emitted %v, committed %d, %v", r.values(), committed(t, broker, "in", 0), r.err)
			}
		})
	}
}

func TestSourceCarriesRecordsAsTheyAre(t *testing.T) {
	broker := fresh(t)
	if err := broker.CreateTopic(t.Context(), "in", "max.message.bytes", "20000000"); err != nil {
		t.Fatal(err)
	}
	big := make([]byte, 10<<20) // ten times what a fetch asks for
	want := []kafka.Record{
		{Key: []byte("k"), Value: []byte("v"), Time: time.UnixMilli(1_700_000_000_123), Headers: []kafka.Header{{Key: "a", Value: []byte("1")}, {Key: "a", Value: []byte{}}}},
		{Key: []byte("tombstone"), Time: time.UnixMilli(1)},
		{Key: []byte("big"), Value: big, Time: time.UnixMilli(2)},
		{Value: []byte{}, Time: time.UnixMilli(3)},
	}
	client := franz(t, broker, kgo.ProducerBatchMaxBytes(20<<20))
	for _, r := range want {
		kr := &kgo.Record{Topic: "in", Key: r.Key, Value: r.Value, Timestamp: r.Time}
		for _, h := range r.Headers {
			kr.Headers = append(kr.Headers, kgo.RecordHeader(h))
		}
		if err := client.ProduceSync(t.Context(), kr).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	spec := spoutOf(broker, "in")
	spec.Stop = kafka.AtEnd
	spec.MaxBytes = 1 // less than any record: one fetch is held at a time
	r := start(t, spec, ack)
	r.until("Run returns", func() bool { return finished(r.done) })
	for i, got := range r.emitted {
		want[i].Topic, want[i].Offset = "in", int64(i)
		if !bytes.Equal(want[i].Value, got.Value) {
			t.Errorf("record %d: the value differs", i)
		}
		if diff := cmp.Diff(want[i], got.Record, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(kafka.Record{}, "Value")); diff != "" {
			t.Error(diff)
		}
		if got.Value == nil != (want[i].Value == nil) {
			t.Errorf("record %d: value nil is %v", i, got.Value == nil)
		}
	}
	if len(r.emitted) != len(want) {
		t.Errorf("%d records, want %d", len(r.emitted), len(want))
	}
}

// What ends after Run has returned counts: the membership lasts until Close.
func TestSourceDrainCommitsWhatEndsAfterRun(t *testing.T) {
	broker := fresh(t, "in")
	put(t, broker, "in", series(0, 10)...)
	r := start(t, spoutOf(broker, "in"), hold)
	r.untilEmitted(10)
	if err := r.drain(); err != nil {
		t.Fatal(err)
	}
	r.settle(func(v kafka.Record) error { // all but number 7; a failed record is not emitted again
		switch {
		case v.Offset == 7:
			return errors.New("no")
		default:
			return nil
		}
	})
	r.stop()
	if got := committed(t, broker, "in", 0); got != 7 {
		t.Errorf("committed %d, want 7", got)
	}
	again := start(t, spoutOf(broker, "in"), ack)
	again.untilEmitted(3)
	if diff := cmp.Diff([]string{"7", "8", "9"}, again.values()); diff != "" {
		t.Error(diff)
	}
}

// With Latest, what is written after the first assignment is read, whatever
// happens before the first ack.
func TestSourceCommitsTheStartBeforeItEmits(t *testing.T) {
	broker := fresh(t, "in")
	put(t, broker, "in", series(0, 5)...)
	spec := spoutOf(broker, "in")
	spec.First, spec.CommitEvery = kafka.Latest, time.Hour
	r := start(t, spec, func(kafka.Record) error {
		if got := committed(t, broker, "in", 0); got != 5 {
			t.Errorf("committed %d when the first record goes out, want 5", got)
		}
		return errHeld
	})
	r.until("the task has its partition", func() bool { go r.notify(); return r.partitions() == 1 })
	put(t, broker, "in", series(5, 3)...)
	r.untilEmitted(3)
	r.stop() // nothing was acked
	put(t, broker, "in", series(8, 1)...)
	again := start(t, spec, ack)
	again.untilEmitted(4)
	if diff := cmp.Diff([]string{"5", "6", "7", "8"}, again.values()); diff != "" {
		t.Error(diff)
	}
}

func TestSourceFirstAt(t *testing.T) {
	broker := fresh(t, "in", "young")
	at := time.UnixMilli(1_700_000_000_000)
	for i := range 6 {
		put(t, broker, "in", kafka.Record{Value: fmt.Append(nil, i), Time: at.Add(time.Duration(i) * time.Minute)})
	}
	spec := spoutOf(broker, "in")
	spec.Stop, spec.First = kafka.AtEnd, kafka.At(at.Add(150*time.Second))
	r := start(t, spec, ack)
	r.until("Run returns", func() bool { return finished(r.done) })
	if diff := cmp.Diff([]string{"3", "4", "5"}, r.values()); diff != "" {
		t.Error(diff)
	}
	spec.Group, spec.First = "protoss", kafka.At(at.Add(time.Hour)) // nothing is so young
	r = start(t, spec, ack)
	r.until("Run returns", func() bool { return finished(r.done) })
	if len(r.values()) != 0 {
		t.Errorf("emitted %v, want none", r.values())
	}
}

func TestSpoutName(t *testing.T) {
	base := kafka.Spout{Topics: []string{"a"}, Group: "g"}
	names := map[string]bool{}
	for _, change := range []func(*kafka.Spout){
		func(*kafka.Spout) {}, func(s *kafka.Spout) { s.Topics = []string{"b"} }, func(s *kafka.Spout) { s.Group = "h" },
		func(s *kafka.Spout) { s.First = kafka.Latest }, func(s *kafka.Spout) { s.First = kafka.At(time.Unix(1, 0)) },
	} {
		s := base
		change(&s)
		if names[s.Name()] {
			t.Errorf("two spouts are named %q", s.Name())
		}
		names[s.Name()] = true
		if s.New().Name() != s.Name() {
			t.Errorf("task and spout differ in name: %q", s.Name())
		}
	}
}

func TestSourceConforms(t *testing.T) {
	broker := fresh(t, "in:2")
	put(t, broker, "in", series(0, 20)...)
	groups := 0
	spouttest.Run(t, func() *kafka.Source {
		groups++
		spec := spoutOf(broker, "in")
		spec.Group = fmt.Sprint("group-", groups) // each reads from the start
		spec.Stop, spec.Retry.Backoff = kafka.AtEnd, time.Millisecond
		return spec.New()
	}, spouttest.Exhausts(20), spouttest.RealTime(patience))
}

package kafka_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/kafka/kafkatest"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/tuple"
)

// failing fails the record with a value n times, with a kind, and acks the rest.
func failing(value string, kind tuple.Kind, n int) func(kafka.Record) error {
	left := n
	return func(r kafka.Record) error {
		if string(r.Value) == value && left > 0 {
			left--
			return tuple.Failure{Kind: kind, Component: "decode", Text: "bad\nthing"}
		}
		return nil
	}
}

// A failed record comes again from memory, after its back-off; the others do not
// wait for it, but the commit does.
func TestSourceReplays(t *testing.T) {
	broker := fresh(t, "in")
	put(t, broker, "in", series(0, 10)...)
	var allow atomic.Bool
	spec := spoutOf(broker, "in")
	spec.Retry = spout.Retry{Backoff: time.Millisecond, Max: 10 * time.Millisecond}
	r := start(t, spec, func(v kafka.Record) error {
		if v.Offset == 4 && !allow.Load() {
			return errors.New("not yet")
		}
		return nil
	})
	r.untilEmitted(13) // number 4 came at least three more times
	untilCommitted(t, broker, "in", 0, 4)
	allow.Store(true)
	untilCommitted(t, broker, "in", 0, 10)
	for _, e := range r.emitted[10:] {
		if e.Offset != 4 || string(e.Value) != "4" {
			t.Errorf("replayed %s at %d, want 4", e.Value, e.Offset)
		}
	}
}

// Only explicit failures and panics use attempts up (rule P4).
func TestSourceAttempts(t *testing.T) {
	for kind := range tuple.Kind(tuple.Kinds) {
		t.Run(kind.String(), func(t *testing.T) {
			broker := fresh(t, "in")
			put(t, broker, "in", series(0, 3)...)
			spec := spoutOf(broker, "in")
			spec.Retry = spout.Retry{Attempts: 3, Backoff: time.Millisecond}
			spec.GiveUp = kafka.Drop
			r := start(t, spec, failing("1", kind, 5))
			emits := 3
			switch {
			case kind == tuple.Rejected: // dropped at once
			case kind.Counts():
				emits += 2
			default:
				emits += 5
			}
			untilCommitted(t, broker, "in", 0, 3)
			if n := len(r.values()); n != emits {
				t.Errorf("%d emits, want %d", n, emits)
			}
			if n, want := r.log.count("record dropped"), kind.Counts() || kind == tuple.Rejected; (n == 1) != want {
				t.Errorf("dropped %d times", n)
			}
		})
	}
}

// Without a dead-letter topic the topology ends, with an error that names the
// record, which stays uncommitted.
func TestSourceHalts(t *testing.T) {
	broker := fresh(t, "in:2")
	put(t, broker, "in", series(0, 10)...) // 7 is offset 3 of partition 1
	r := start(t, spoutOf(broker, "in"), failing("7", tuple.Rejected, 1))
	r.until("Run returns", func() bool { return finished(r.done) })
	if r.err == nil {
		t.Fatal("no error")
	}
	for _, part := range []string{"in/1", "offset 3", "decode: bad"} {
		if !contains(r.err.Error(), part) {
			t.Errorf("%q does not say %q", r.err, part)
		}
	}
	r.stop()
	if got := committed(t, broker, "in", 1); got != 3 {
		t.Errorf("committed %d, want 3", got)
	}
}

func contains(s, part string) bool {
	for i := range len(s) - len(part) + 1 {
		if s[i:i+len(part)] == part {
			return true
		}
	}
	return false
}

// The original record goes to the dead-letter topic, with what is known of its
// end; only then is it committed (rule P1).
func TestSourceDeadLetters(t *testing.T) {
	broker := kafkatest.Start(t, "in", "dead")
	bad := kafka.Record{Key: []byte("k"), Value: []byte("bad"), Time: time.UnixMilli(1_700_000_000_000), Headers: []kafka.Header{{Key: "own", Value: []byte("1")}}}
	put(t, broker, "in", kafka.Of([]byte("good")), bad, kafka.Of([]byte("good")))
	fault := broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "dead", Err: kerr.NotEnoughReplicas, Count: -1})
	spec := spoutOf(broker, "in")
	spec.Dead, spec.Retry = "dead", spout.Retry{Attempts: 2, Backoff: time.Millisecond}
	r := start(t, spec, failing("bad", tuple.Panic, 2))
	eventually(t, "the dead letter is refused", func() bool { return fault.Hits() > 0 })
	untilCommitted(t, broker, "in", 0, 1)
	fault.Remove()
	untilCommitted(t, broker, "in", 0, 3)
	letters, err := broker.Read(t.Context(), "dead")
	if err != nil {
		t.Fatal(err)
	}
	want := bad
	want.Topic = "dead"
	want.Headers = append(want.Headers,
		kafka.Header{Key: kafka.HeaderReason, Value: []byte("panic in decode: bad\nthing")},
		kafka.Header{Key: kafka.HeaderComponent, Value: []byte("decode")},
		kafka.Header{Key: kafka.HeaderTopic, Value: []byte("in")},
		kafka.Header{Key: kafka.HeaderPartition, Value: []byte("0")},
		kafka.Header{Key: kafka.HeaderOffset, Value: []byte("1")},
		kafka.Header{Key: kafka.HeaderAttempts, Value: []byte("2")},
	)
	if diff := cmp.Diff([]kafka.Record{want}, letters); diff != "" {
		t.Error(diff)
	}
	if n := len(r.values()); n != 4 {
		t.Errorf("%d emits, want 4", n)
	}
}

// A dead letter that can never be written falls back to GiveUp.
func TestSourceRefusedDeadLetter(t *testing.T) {
	for giveUp, want := range map[kafka.GiveUp]int64{kafka.Halt: 1, kafka.Drop: 3} {
		t.Run(fmt.Sprint(giveUp), func(t *testing.T) {
			broker := kafkatest.Start(t, "in", "dead")
			put(t, broker, "in", series(0, 3)...)
			broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "dead", Err: kerr.TopicAuthorizationFailed, Count: -1})
			spec := spoutOf(broker, "in")
			spec.Dead, spec.GiveUp = "dead", giveUp
			r := start(t, spec, failing("1", tuple.Rejected, 1))
			untilCommitted(t, broker, "in", 0, want)
			if giveUp == kafka.Halt {
				r.until("Run returns", func() bool { return finished(r.done) })
				if r.err == nil || !contains(r.err.Error(), "dead letter was refused") {
					t.Error(r.err)
				}
			}
			if n := r.log.count("committing fails"); n != 0 || contains(r.source.Detail()["state"], "fails") {
				t.Errorf("state %q, and the log speaks of tries to come:\n%s", r.source.Detail()["state"], r.log)
			}
		})
	}
}

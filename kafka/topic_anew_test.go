package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/kafka/kafkatest"
	"github.com/waterspout/waterspout/topology"
	"github.com/waterspout/waterspout/tuple"
)

func deleteTopic(t *testing.T, b *kafkatest.Broker, topic string) {
	t.Helper()
	resp, err := kadm.NewClient(franz(t, b)).DeleteTopics(t.Context(), topic)
	if err = errors.Join(err, resp[topic].Err); err != nil {
		t.Fatal(err)
	}
}

// createTopic waits until it can be written to, by the client that it returns, which
// knows nothing of a former topic of the name.
func createTopic(t *testing.T, b *kafkatest.Broker, topic string) *kafkatest.Broker {
	t.Helper()
	eventually(t, "the topic is created", func() bool { return b.CreateTopic(t.Context(), topic) == nil })
	eventually(t, "the topic has a leader", func() bool {
		ends, err := kadm.NewClient(franz(t, b)).ListEndOffsets(t.Context(), topic)
		return err == nil && ends.Error() == nil
	})
	fresh, err := kafkatest.Connect(t.Context(), b.Addrs()...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fresh.Close)
	return fresh
}

// A topic that is deleted and created again while it is read is read from its
// beginning, also when it has the offset that was next in the old one; what is open
// of the old one ends first.
func TestSourceStartsOverInATopicCreatedAnew(t *testing.T) {
	for name, n := range map[string]int{"shorter than before": 10, "longer than before": 300} {
		t.Run(name, func(t *testing.T) {
			broker := fresh(t, "in")
			put(t, broker, "in", series(0, 100)...)
			r := start(t, spoutOf(broker, "in"), func(r kafka.Record) error {
				if string(r.Value) == "99" {
					return errHeld
				}
				return nil
			})
			r.untilEmitted(100)
			untilCommitted(t, broker, "in", 0, 99)
			deleteTopic(t, broker, "in")
			broker = createTopic(t, broker, "in")
			put(t, broker, "in", series(100, n)...)
			r.settle(ack)
			r.untilEmitted(100 + n)
			untilCommitted(t, broker, "in", 0, int64(n))
			if d := wantAll(t, []*reader{r}, 100+n); d != 0 {
				t.Errorf("%d records doubled", d)
			}
			if said := r.log.count("the topic was created anew"); said != 1 {
				t.Errorf("said %d times:\n%s", said, r.log)
			}
		})
	}
}

// A topic that is gone while it is written to is an outage: its records fail, are not
// rejected, and are written when it is there again. Other topics do not notice.
func TestSinkOutlivesADeletedTopic(t *testing.T) {
	broker := fresh(t, "out", "other")
	sink := open(t, kafka.Bolt{Brokers: broker.Addrs(), Sarama: impatient(), TopicOf: func(r kafka.Record) string {
		return string(r.Key)
	}})
	to := func(topic string, from, n int) {
		for _, r := range series(from, n) {
			r.Key = []byte(topic)
			sink.write(t, r)
		}
	}
	to("out", 0, 10)
	sink.wait(t, 10)
	deleteTopic(t, broker, "out")
	to("out", 10, 10)
	to("other", 20, 10)
	failed := sink.wait(t, 20)
	if len(failed) != 10 {
		t.Errorf("%d records failed: %v", len(failed), failed)
	}
	for _, err := range failed {
		if f, ok := errors.AsType[tuple.Failure](err); !ok || f.Kind.Counts() || !strings.Contains(f.Text, "topic out") {
			t.Fatalf("want a failure that does not count, got %v", err)
		}
	}
	broker = createTopic(t, broker, "out")
	to("out", 30, 10)
	if failed := sink.wait(t, 10); len(failed) != 10 {
		t.Errorf("%d records failed after the topic was created anew: %v", len(failed)-10, failed)
	}
	if got := len(read(t, broker, "out")); got != 10 {
		t.Errorf("the topic has %d records", got)
	}
}

// Topics at both ends are deleted and created anew under flow: the topology goes on,
// and what is written after that is copied, each once.
func TestTopologyOutlivesTopicsCreatedAnew(t *testing.T) {
	broker := fresh(t, "in", "out")
	in := kafka.Spout{Brokers: broker.Addrs(), Topics: []string{"in"}, Group: "terran", Sarama: quick()}
	out := kafka.Bolt{Brokers: broker.Addrs(), Topic: "out", Sarama: impatient()}
	copying := topology.New("copy")
	records := topology.Spout(copying, "read", in.New)
	topology.Bolt(records.By(grouping.Shuffle), "write", out.New)
	ctx, drain := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- cluster.Run(ctx, topology.Must(copying.Build()), cluster.Local{}) }()
	var pouring sync.WaitGroup
	pour := func(b *kafkatest.Broker) { // until its topic is gone
		for ctx.Err() == nil && b.Produce(ctx, "in", kafka.Of([]byte("flow"))) == nil {
		}
	}
	const n = 2000
	for _, topic := range []string{"out", "in"} {
		at := broker
		pouring.Go(func() { pour(at) })
		untilCopied(t, broker, 100)
		deleteTopic(t, broker, topic)
		broker = createTopic(t, broker, topic)
	}
	put(t, broker, "in", series(0, n)...)
	eventually(t, "all of the new topic is copied", func() bool {
		written := map[string]int{}
		for _, r := range read(t, broker, "out") {
			written[string(r.Value)]++
		}
		for i := range n {
			if written[fmt.Sprint(i)] == 0 {
				return false
			}
		}
		return true
	})
	drain()
	pouring.Wait()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// What is wrong with a topic when its leader is looked for is of no concern to others
// that look for theirs at the time.
func TestSinkTellsTopicsApart(t *testing.T) {
	broker := kafkatest.Start(t, "out", "other")
	sink := open(t, kafka.Bolt{Brokers: broker.Addrs(), Sarama: impatient(), TopicOf: func(r kafka.Record) string {
		return string(r.Key)
	}})
	records := []kafka.Record{{Key: []byte("out")}, {Key: []byte("other")}}
	sink.write(t, records...)
	sink.wait(t, 2)
	for _, topic := range []string{"out", "other"} {
		broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: topic, Err: kerr.NotEnoughReplicas})
	}
	broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Topic: "out", Err: kerr.TopicAuthorizationFailed, Count: -1})
	sink.write(t, records...)
	if failed := sink.wait(t, 2); len(failed) != 1 || !bolt.IsReject(failed[3]) {
		t.Errorf("want one rejected for its topic, got %v", failed)
	}
}

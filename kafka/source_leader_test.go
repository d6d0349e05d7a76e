package kafka_test

import (
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/waterspout/waterspout/kafka/kafkatest"
)

// A fetch says of which epoch its leader is, so that one that was deposed, and does
// not know it yet, does not answer with what others never saw. The broker that leads
// in a new epoch refuses the old one, once.
func TestSourceFollowsLeaderEpochs(t *testing.T) {
	broker := kafkatest.Start(t, "in")
	var told, without atomic.Int64
	broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Observe: true, Count: -1, When: func(r kmsg.Request) bool {
		for _, topic := range r.(*kmsg.FetchRequest).Topics {
			for _, p := range topic.Partitions {
				if told.Store(int64(p.CurrentLeaderEpoch)); p.CurrentLeaderEpoch < 0 {
					without.Add(1)
				}
			}
		}
		return false
	}})
	r := start(t, spoutOf(broker, "in"), ack)
	put(t, broker, "in", series(0, 10)...)
	r.untilEmitted(10)
	for range 3 { // the same broker leads in another epoch
		if err := broker.Cluster().MoveTopicPartition("in", 0, broker.Cluster().LeaderFor("in", 0)); err != nil {
			t.Fatal(err)
		}
	}
	put(t, broker, "in", series(10, 10)...)
	untilCommitted(t, broker, "in", 0, 20)
	if d := wantAll(t, []*reader{r}, 20); d != 0 {
		t.Errorf("%d records doubled", d)
	}
	if told.Load() < 3 || without.Load() > 0 {
		t.Errorf("%d fetches without an epoch, the last of epoch %d", without.Load(), told.Load())
	}
	if n := r.log.count("reading fails"); n != 1 {
		t.Errorf("said %d times:\n%s", n, r.log)
	}
}

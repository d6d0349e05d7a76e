package kafka_test

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/kafka/kafkatest"
	"github.com/waterspout/waterspout/tuple"
)

// Brokers that restart while a task opens do not end its topology: whatever is asked for,
// a connection that is lost, or a broker that is not at work yet, is asked again.
func TestOpenOutlivesAMoment(t *testing.T) {
	hangUp := func(key kmsg.Key) func(*kfake.Cluster) {
		return func(c *kfake.Cluster) {
			gone := false
			c.ControlKey(int16(key), func(req kmsg.Request) (kmsg.Response, error, bool) {
				c.KeepControl()
				if m, ok := req.(*kmsg.MetadataRequest); gone || ok && !m.IncludeTopicAuthorizedOperations {
					return nil, nil, false // of the others sarama asks again by itself
				}
				gone = true
				return nil, errors.New("gone"), true
			})
		}
	}
	refuse := func(key kmsg.Key, err *kerr.Error) func(*kfake.Cluster) {
		return func(c *kfake.Cluster) {
			c.Fault(kfake.Fault{Keys: []kmsg.Key{key}, TopLevel: key == kmsg.InitProducerID, Err: err, Count: 2})
		}
	}
	for name, fault := range map[string]func(*kfake.Cluster){
		"rights lost":          hangUp(kmsg.Metadata),
		"coordinator lost":     hangUp(kmsg.Heartbeat),
		"end lost":             hangUp(kmsg.ListOffsets),
		"end elsewhere":        refuse(kmsg.ListOffsets, kerr.NotLeaderForPartition),
		"end not known yet":    refuse(kmsg.ListOffsets, kerr.OffsetNotAvailable),
		"identity lost":        hangUp(kmsg.InitProducerID),
		"identity not yet":     refuse(kmsg.InitProducerID, kerr.CoordinatorNotAvailable),
		"identity not in time": refuse(kmsg.InitProducerID, kerr.RequestTimedOut),
	} {
		t.Run(name, func(t *testing.T) {
			broker := kafkatest.Start(t, "in:2", "out")
			spec := spoutOf(broker, "in")
			spec.Stop = kafka.AtEnd
			source := spec.New()
			sink := kafka.Bolt{Brokers: broker.Addrs(), Topic: "out", Sarama: quick()}.New()
			begin := time.Now()
			fault(broker.Cluster())
			if err := source.Open(t.Context(), tuple.Task{Log: slog.New(&logBook{})}); err != nil {
				t.Errorf("source: %v", err)
			}
			if err := sink.Open(t.Context(), bolt.Task{}); err != nil {
				t.Errorf("sink: %v", err)
			}
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("Open took %s", took)
			}
			if err := errors.Join(source.Close(), sink.Close()); err != nil {
				t.Error(err)
			}
		})
	}
}

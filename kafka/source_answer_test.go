package kafka_test

import (
	"encoding/binary"
	"hash/crc32"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/waterspout/waterspout/kafka/kafkatest"
)

// answerFetches has the broker answer the spout's fetches of a partition that ends at 10
// with what f makes of their offset, as long as f makes something.
func answerFetches(b *kafkatest.Broker, f func(offset int64) (records []byte, ok bool)) {
	b.Cluster().ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		b.Cluster().KeepControl()
		req := r.(*kmsg.FetchRequest)
		if req.SessionEpoch != -1 || len(req.Topics) != 1 {
			return nil, nil, false
		}
		records, ok := f(req.Topics[0].Partitions[0].FetchOffset)
		if !ok {
			return nil, nil, false
		}
		resp := req.ResponseKind().(*kmsg.FetchResponse)
		topic, partition := kmsg.NewFetchResponseTopic(), kmsg.NewFetchResponseTopicPartition()
		topic.Topic = req.Topics[0].Topic
		partition.HighWatermark, partition.LastStableOffset, partition.LogStartOffset = 10, 10, 0
		partition.RecordBatches = records
		topic.Partitions = append(topic.Partitions, partition)
		resp.Topics = append(resp.Topics, topic)
		return resp, nil, true
	})
}

// batchOf is a record batch of n offsets from 0 on, of which count have a record, in
// records.
func batchOf(n, count int32, records []byte) []byte {
	b := kmsg.RecordBatch{Magic: 2, LastOffsetDelta: n - 1, NumRecords: count, ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, Records: records}
	b.Length = int32(len(b.AppendTo(nil)) - 12)
	raw := b.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[17:], crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))
	return raw
}

// A broker may have nothing at hand although the partition goes on, as one that reads
// from remote storage and is not in time: that skips nothing, however often it happens.
func TestSourceWaitsForWhatIsNotAtHand(t *testing.T) {
	broker := kafkatest.Start(t, "in")
	put(t, broker, "in", series(0, 10)...)
	var answers atomic.Int32
	answerFetches(broker, func(int64) ([]byte, bool) { return []byte{}, answers.Add(1) <= 4 })
	r := start(t, spoutOf(broker, "in"), ack)
	untilCommitted(t, broker, "in", 0, 10)
	if n := len(r.values()); n != 10 {
		t.Errorf("%d records of 10: %v", n, r.values())
	}
}

// A batch that compaction has emptied is stepped over at once, however long it is.
func TestSourceStepsOverAnEmptiedBatch(t *testing.T) {
	broker := kafkatest.Start(t, "in")
	put(t, broker, "in", series(0, 10)...)
	var fetches atomic.Int32
	answerFetches(broker, func(offset int64) ([]byte, bool) {
		if offset >= 5 {
			return nil, false
		}
		fetches.Add(1)
		return batchOf(5, 0, nil), true
	})
	r := start(t, spoutOf(broker, "in"), ack)
	untilCommitted(t, broker, "in", 0, 10)
	if diff := cmp.Diff([]string{"5", "6", "7", "8", "9"}, r.values()); diff != "" || fetches.Load() != 1 {
		t.Errorf("%d fetches of the emptied batch; %s", fetches.Load(), diff)
	}
}

// A first batch that was cut off, or that has fewer records than it says, is asked for
// again with more bytes, and none of it is skipped.
func TestSourceAsksAgainForACutBatch(t *testing.T) {
	for name, batch := range map[string][]byte{
		"cut off":         batchOf(10, 10, make([]byte, 200))[:100],
		"without its end": batchOf(10, 10, nil),
	} {
		t.Run(name, func(t *testing.T) {
			broker := kafkatest.Start(t, "in")
			put(t, broker, "in", series(0, 10)...)
			var answers atomic.Int32
			answerFetches(broker, func(int64) ([]byte, bool) { return batch, answers.Add(1) <= 2 })
			r := start(t, spoutOf(broker, "in"), ack)
			untilCommitted(t, broker, "in", 0, 10)
			if n := len(r.values()); n != 10 {
				t.Errorf("%d records of 10", n)
			}
		})
	}
}

// A broker that knows no ids of topics, as one before 2.8 in the middle of an upgrade,
// does not make the topic another one.
func TestSourceMeetsABrokerWithoutTopicIDs(t *testing.T) {
	broker := kafkatest.Start(t, "in")
	put(t, broker, "in", series(0, 100)...)
	r := start(t, spoutOf(broker, "in"), ack)
	untilCommitted(t, broker, "in", 0, 100)
	req, topic := kmsg.NewPtrMetadataRequest(), kmsg.NewMetadataRequestTopic()
	topic.Topic = kmsg.StringPtr("in")
	req.Topics = append(req.Topics, topic)
	plain, err := req.RequestWith(t.Context(), franz(t, broker))
	if err != nil {
		t.Fatal(err)
	}
	plain.Topics[0].TopicID = [16]byte{}
	var asked atomic.Int32
	broker.Cluster().ControlKey(int16(kmsg.Metadata), func(r kmsg.Request) (kmsg.Response, error, bool) {
		broker.Cluster().KeepControl()
		if len(r.(*kmsg.MetadataRequest).Topics) != 1 {
			return nil, nil, false
		}
		asked.Add(1)
		resp := *plain
		resp.Version = r.GetVersion()
		return &resp, nil, true
	})
	faults := broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.NotLeaderForPartition, Count: 1})
	eventually(t, "it looks the topic up again", func() bool { return faults.Hits() == 1 && asked.Load() > 0 })
	put(t, broker, "in", series(100, 10)...)
	untilCommitted(t, broker, "in", 0, 110)
	if n := len(r.values()); n != 110 {
		t.Errorf("%d records of 110:\n%s", n, r.log)
	}
}

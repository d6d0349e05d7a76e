package kafka_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/kafka/kafkatest"
)

// codecs are all there are, as another client names them.
var codecs = map[kafka.Compression]kgo.CompressionCodec{
	kafka.None: kgo.NoCompression(), kafka.Gzip: kgo.GzipCompression(), kafka.Snappy: kgo.SnappyCompression(),
	kafka.LZ4: kgo.Lz4Compression(), kafka.Zstd: kgo.ZstdCompression(),
}

// diverse are records with and without all that a record may have.
func diverse() []kafka.Record {
	at := time.UnixMilli(1_700_000_000_123)
	records := []kafka.Record{
		{Key: []byte("k"), Value: []byte("v"), Time: at, Headers: []kafka.Header{{Key: "a", Value: []byte("1")}, {Key: "a"}, {Key: "", Value: []byte{}}}},
		{Value: []byte("no key"), Time: at.Add(-time.Hour)},
		{Key: []byte("tombstone"), Time: at},
		{Key: []byte{}, Value: []byte{}, Time: at.Add(time.Hour)},
		{Topic: "elsewhere", Partition: 7, Offset: 9, Value: []byte("read from elsewhere"), Time: at},
	}
	for i := range 50 { // enough to be worth compressing
		records = append(records, kafka.Record{
			Key: fmt.Append(nil, i), Value: bytes.Repeat([]byte{byte(i)}, 2*i), Time: at.Add(time.Duration(i) * time.Millisecond),
			Headers: []kafka.Header{{Key: "number", Value: fmt.Append(nil, i)}},
		})
	}
	return records
}

func wantAsTheyAre(t *testing.T, want, got []kafka.Record) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(kafka.Record{}, "Topic", "Partition", "Offset"), cmpopts.EquateEmpty()); diff != "" {
		t.Fatal(diff)
	}
	for i, r := range got {
		if (r.Key == nil) != (want[i].Key == nil) || (r.Value == nil) != (want[i].Value == nil) {
			t.Errorf("record %d: key nil %t, value nil %t", i, r.Key == nil, r.Value == nil)
		}
	}
}

// wantCodec holds that the batches of a topic are compressed with c.
func wantCodec(t *testing.T, b *kafkatest.Broker, topic string, c kafka.Compression) {
	t.Helper()
	fetches := franz(t, b, kgo.ConsumeTopics(topic), kgo.FetchMaxWait(50*time.Millisecond), kgo.MetadataMinAge(10*time.Millisecond)).PollFetches(t.Context())
	if err := fetches.Err(); err != nil {
		t.Fatal(err)
	}
	fetches.EachRecord(func(r *kgo.Record) {
		if got := r.Attrs.CompressionType(); got != uint8(c) { // Kafka numbers the codecs as we do
			t.Fatalf("a batch is compressed with codec %d, want %d", got, c)
		}
	})
}

func TestSinkWritesRecordsAsTheyAre(t *testing.T) {
	for c := range codecs {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			broker := fresh(t, "out")
			sink := open(t, kafka.Bolt{Brokers: broker.Addrs(), Topic: "out", Compression: c})
			records := diverse()
			sink.write(t, records...)
			if failed := sink.wait(t, len(records)); len(failed) > 0 {
				t.Fatal(failed)
			}
			wantAsTheyAre(t, records, read(t, broker, "out"))
			wantCodec(t, broker, "out", c)
		})
	}
}

func TestSourceReadsRecordsAsTheyAre(t *testing.T) {
	for c, codec := range codecs {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			broker := fresh(t, "in")
			client := franz(t, broker, kgo.ProducerBatchCompression(codec))
			records, theirs := diverse(), []*kgo.Record{}
			for _, r := range records {
				theirs = append(theirs, &kgo.Record{Topic: "in", Key: r.Key, Value: r.Value, Timestamp: r.Time})
				for _, h := range r.Headers {
					last := theirs[len(theirs)-1]
					last.Headers = append(last.Headers, kgo.RecordHeader(h))
				}
			}
			if err := client.ProduceSync(t.Context(), theirs...).FirstErr(); err != nil {
				t.Fatal(err)
			}
			wantCodec(t, broker, "in", c)
			r := start(t, spoutOf(broker, "in"), ack)
			r.untilEmitted(len(records))
			untilCommitted(t, broker, "in", 0, int64(len(records)))
			r.stop()
			var got []kafka.Record
			for _, e := range r.emitted {
				got = append(got, e.Record)
			}
			wantAsTheyAre(t, records, got)
		})
	}
}

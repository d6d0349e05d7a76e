package kafka_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/kafka/kafkatest"
	"github.com/waterspout/waterspout/tuple"
)

// produce makes the next n produce requests fail with err.
func produce(b *kafkatest.Broker, err *kerr.Error, n int) *kfake.FaultHandle {
	return b.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: err, Count: n})
}

// What the client retries is neither lost, nor doubled, nor put out of order:
// also when the broker wrote the batch and said otherwise.
func TestSinkRidesOutWhatCanBeRetried(t *testing.T) {
	for _, fault := range []*kerr.Error{
		kerr.RequestTimedOut, kerr.NotEnoughReplicasAfterAppend, // written all the same
		kerr.NotEnoughReplicas, kerr.NotLeaderForPartition, kerr.LeaderNotAvailable, kerr.KafkaStorageError,
	} {
		t.Run(fault.Message, func(t *testing.T) {
			broker := kafkatest.Start(t, "out")
			sink := open(t, kafka.Bolt{Brokers: broker.Addrs(), Topic: "out"})
			records := numbered(2000)
			sink.write(t, records[:500]...)
			faults := produce(broker, fault, 3)
			sink.write(t, records[500:]...)
			if failed := sink.wait(t, len(records)); len(failed) > 0 {
				t.Fatal(failed)
			}
			if faults.Hits() != 3 {
				t.Errorf("%d of 3 faults happened", faults.Hits())
			}
			if diff := cmp.Diff(values(records), values(read(t, broker, "out"))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A broker that lags knows fewer partitions for a moment. What is written to the others
// then and later is there.
func TestSinkMeetsABrokerWithFewerPartitions(t *testing.T) {
	broker := kafkatest.Start(t, "out:2")
	sink := open(t, kafka.Bolt{Brokers: broker.Addrs(), Topic: "out", Partitioner: kafka.Manual, Sarama: impatient()})
	to := func(p int32, v string) {
		r := kafka.Of([]byte(v))
		r.Partition = p
		sink.write(t, r)
		sink.wait(t, 1)
	}
	req, topic := kmsg.NewPtrMetadataRequest(), kmsg.NewMetadataRequestTopic()
	topic.Topic = kmsg.StringPtr("out")
	req.Topics = append(req.Topics, topic)
	short, err := req.RequestWith(t.Context(), franz(t, broker))
	if err != nil {
		t.Fatal(err)
	}
	short.Topics[0].Partitions = slices.DeleteFunc(short.Topics[0].Partitions, func(p kmsg.MetadataResponseTopicPartition) bool { return p.Partition > 0 })
	var lags atomic.Bool
	broker.Cluster().ControlKey(int16(kmsg.Metadata), func(req kmsg.Request) (kmsg.Response, error, bool) {
		broker.Cluster().KeepControl()
		resp := *short
		resp.Version = req.GetVersion()
		return &resp, nil, lags.Load()
	})
	to(1, "a")
	for _, lag := range []bool{true, false} {
		lags.Store(lag)
		produce(broker, kerr.NotLeaderForPartition, 1)
		to(0, "look up")
		to(0, "count")
	}
	to(1, "b")
	count := map[string]int{}
	for _, r := range read(t, broker, "out") {
		count[string(r.Value)]++
	}
	if count["a"] != 1 || count["b"] != 1 {
		t.Errorf("the topic has %v", count)
	}
}

func TestSinkFollowsTheLeaders(t *testing.T) {
	broker := kafkatest.Start(t, "out:3")
	sink := open(t, kafka.Bolt{Brokers: broker.Addrs(), Topic: "out"})
	records := numbered(5000)
	for i := range 5 {
		sink.write(t, records[i*1000:(i+1)*1000]...)
		broker.Cluster().ShufflePartitionLeaders()
		if i == 2 {
			if err := broker.Cluster().RemoveNode(broker.Cluster().LeaderFor("out", 0)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if failed := sink.wait(t, len(records)); len(failed) > 0 {
		t.Fatal(failed)
	}
	wantOnceEach(t, records, read(t, broker, "out"))
}

func wantOnceEach(t *testing.T, want, got []kafka.Record) {
	t.Helper()
	count := map[string]int{}
	for _, r := range got {
		count[string(r.Value)]++
	}
	for _, r := range want {
		if n := count[string(r.Value)]; n != 1 {
			t.Errorf("record %s is there %d times", r.Value, n)
		}
	}
	if len(got) != len(want) {
		t.Errorf("the topic has %d records, want %d", len(got), len(want))
	}
}

// An error that puts the producer's own state in doubt costs a new identity, and
// no record.
func TestSinkOutlivesItsProducerState(t *testing.T) {
	for _, fault := range []*kerr.Error{
		kerr.OutOfOrderSequenceNumber, kerr.UnknownProducerID, kerr.InvalidProducerEpoch,
		kerr.ProducerFenced, kerr.InvalidProducerIDMapping,
	} {
		t.Run(fault.Message, func(t *testing.T) {
			broker := kafkatest.Start(t, "out")
			sink := open(t, kafka.Bolt{Brokers: broker.Addrs(), Topic: "out"})
			records := numbered(400)
			sink.write(t, records[:200]...)
			sink.wait(t, 200)
			faults := produce(broker, fault, 2)
			sink.write(t, records[200:]...)
			if failed := sink.wait(t, 200); len(failed) > 0 {
				t.Fatal(failed)
			}
			if faults.Hits() != 2 {
				t.Errorf("%d of 2 faults happened", faults.Hits())
			}
			if diff := cmp.Diff(values(records), values(read(t, broker, "out"))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A batch that is refused because of one record costs that record only.
func TestSinkRejectsOnlyTheRecordAtFault(t *testing.T) {
	broker := fresh(t)
	if err := broker.CreateTopic(t.Context(), "out", "max.message.bytes", "2000"); err != nil {
		t.Fatal(err)
	}
	sink := open(t, kafka.Bolt{Brokers: broker.Addrs(), Topic: "out"})
	records := numbered(300)
	records[100].Value = make([]byte, 3000)
	sink.write(t, records...)
	failed := sink.wait(t, len(records))
	if len(failed) != 1 || !bolt.IsReject(failed[101]) {
		t.Fatalf("want the record 100 rejected alone, got %d: %v", len(failed), failed)
	}
	wantText(t, failed[101], `topic "out" refused the record`, "too large")
	wantOnceEach(t, append(records[:100:100], records[101:]...), read(t, broker, "out"))
}

func TestSinkRejects(t *testing.T) {
	tooLarge := kafka.Of(make([]byte, 2<<20))
	for name, c := range map[string]struct {
		fault  *kerr.Error
		topic  string
		record kafka.Record
		want   string
	}{
		"larger than the client allows": {record: tooLarge, want: "MaxMessageBytes"},
		"too large":                     {fault: kerr.MessageTooLarge, want: "too large"},
		"invalid record":                {fault: kerr.InvalidRecord, want: "record"},
		"no right to write":             {fault: kerr.TopicAuthorizationFailed, want: "not authorized"},
		"invalid timestamp":             {fault: kerr.InvalidTimestamp, want: "timestamp"},
		"no such topic":                 {topic: "nowhere", want: `topic "nowhere"`},
		"no topic":                      {topic: "-", want: "has no topic"},
	} {
		t.Run(name, func(t *testing.T) {
			broker := kafkatest.Start(t, "out")
			sink := open(t, kafka.Bolt{Brokers: broker.Addrs(), Topic: "out", TopicOf: func(kafka.Record) string {
				return strings.Trim(cmpOr(c.topic, "out"), "-")
			}})
			if c.fault != nil {
				produce(broker, c.fault, -1)
			}
			sink.write(t, c.record)
			failed := sink.wait(t, 1)
			if !bolt.IsReject(failed[1]) {
				t.Fatalf("want a reject, got %v", failed[1])
			}
			wantText(t, failed[1], c.want)
		})
	}
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func wantText(t *testing.T, err error, parts ...string) {
	t.Helper()
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("more than one line: %q", err)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
}

// outage lets every request end its connection while down is true.
func outage(c *kfake.Cluster) *gone {
	down := new(gone)
	c.Control(func(kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if down.Load() {
			down.tries.Add(1)
		}
		return nil, errors.New("gone"), down.Load()
	})
	return down
}

// gone is true while the brokers hang up on every request, and counts those.
type gone struct {
	atomic.Bool
	tries atomic.Int64
}

func TestSinkOutlivesAShortOutage(t *testing.T) {
	broker := kafkatest.Start(t, "out")
	sink := open(t, kafka.Bolt{Brokers: broker.Addrs(), Topic: "out"})
	records := numbered(1000)
	sink.write(t, records[:500]...)
	sink.wait(t, 500)
	down := outage(broker.Cluster())
	down.Store(true)
	sink.write(t, records[500:]...)
	time.AfterFunc(500*time.Millisecond, func() { down.Store(false) })
	if failed := sink.wait(t, 500); len(failed) > 0 {
		t.Fatalf("%d failed: %v", len(failed), failed)
	}
	if diff := cmp.Diff(values(records), values(read(t, broker, "out"))); diff != "" {
		t.Error(diff)
	}
}

// A long outage fails records that were not sent, without rejecting them, and when
// it is over the same sink writes again.
func TestSinkOutlivesALongOutage(t *testing.T) {
	broker := kafkatest.Start(t, "out")
	conf := sarama.NewConfig()
	conf.Producer.Retry.Max = 1
	conf.Metadata.Retry.Max = 0
	sink := open(t, kafka.Bolt{Brokers: broker.Addrs(), Topic: "out", Sarama: conf})
	sink.write(t, numbered(1)...)
	sink.wait(t, 1)
	down := outage(broker.Cluster())
	down.Store(true)
	sink.write(t, numbered(1)...) // may have been written, for all that the sink knows
	eventually(t, "it was sent", func() bool { return down.tries.Load() > 0 })
	sink.write(t, numbered(300)...)
	failed := sink.wait(t, 300)
	if len(failed) != 300 || failed[2] != nil {
		t.Fatalf("%d of 300 failed", len(failed))
	}
	for _, err := range failed {
		// Not an attempt at the record (rule P4), still less a reject.
		if f, ok := errors.AsType[tuple.Failure](err); !ok || f.Kind.Counts() {
			t.Fatalf("want a failure that does not count, got %v", err)
		}
		wantText(t, err, "kafka: write to topic out")
	}
	down.Store(false)
	sink.write(t, numbered(300)...)
	if failed := sink.wait(t, 301); len(failed) != 300 {
		t.Errorf("%d records fail after the outage", len(failed)-300)
	}
}

func TestSinkCloseFailsWhatIsLeft(t *testing.T) {
	for name, answer := range map[string]error{"gone": errors.New("gone"), "silent": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broker := kafkatest.Start(t, "out")
			sink := open(t, kafka.Bolt{Brokers: broker.Addrs(), Topic: "out"})
			broker.Cluster().Control(func(kmsg.Request) (kmsg.Response, error, bool) {
				broker.Cluster().KeepControl()
				return nil, answer, true // no error and no response: the request is never answered
			})
			sink.write(t, numbered(300)...)
			start := time.Now()
			if err := sink.Close(); err == nil {
				t.Error("Close is content with 300 records lost")
			}
			if took := time.Since(start); took > 8*time.Second {
				t.Errorf("Close took %s", took)
			}
			if failed := sink.wait(t, 300); len(failed) != 300 {
				t.Errorf("%d of 300 failed", len(failed))
			}
		})
	}
}

// sarama tries the brokers in any order: one that is away is no reason to fail, also
// for a bolt that has no topic to look up.
func TestOpenTriesEveryBroker(t *testing.T) {
	broker := kafkatest.Start(t, "out")
	for range 8 {
		open(t, kafka.Bolt{Brokers: append([]string{"127.0.0.1:1"}, broker.Addrs()...), TopicOf: func(r kafka.Record) string { return r.Topic }})
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	broker := kafkatest.Start(t, "out")
	topics := func(err *kerr.Error) kfake.Fault {
		return kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Topic: "out", Err: err, Count: -1}
	}
	producer := kfake.Fault{Keys: []kmsg.Key{kmsg.InitProducerID}, TopLevel: true, Err: kerr.ClusterAuthorizationFailed, Count: -1}
	transactional := sarama.NewConfig()
	transactional.Producer.Transaction.ID = "t"
	huge := sarama.NewConfig()
	huge.Producer.MaxMessageBytes = 1 << 30
	good := kafka.Bolt{Brokers: broker.Addrs(), Topic: "out"}
	for name, c := range map[string]struct {
		bolt  func(*kafka.Bolt)
		fault kfake.Fault
		want  []string
	}{
		"no brokers":      {bolt: func(b *kafka.Bolt) { b.Brokers = nil }, want: []string{"set kafka.Bolt.Brokers"}},
		"no topic":        {bolt: func(b *kafka.Bolt) { b.Topic = "" }, want: []string{"set kafka.Bolt.Topic"}},
		"bad compression": {bolt: func(b *kafka.Bolt) { b.Compression = 9 }, want: []string{"compression 9"}},
		"bad partitioner": {bolt: func(b *kafka.Bolt) { b.Partitioner = 9 }, want: []string{"partitioner 9"}},
		"unreachable":     {bolt: func(b *kafka.Bolt) { b.Brokers = []string{"127.0.0.1:1"} }, want: []string{"127.0.0.1:1", "refused", "check addresses"}},
		"unreachable, any topic": {bolt: func(b *kafka.Bolt) {
			b.Brokers, b.Topic, b.TopicOf = []string{"127.0.0.1:1"}, "", func(r kafka.Record) string { return r.Topic }
		}, want: []string{"127.0.0.1:1", "refused", "check addresses"}},
		"missing topic":  {bolt: func(b *kafka.Bolt) { b.Topic = "nowhere" }, want: []string{"nowhere does not exist"}},
		"transactional":  {bolt: func(b *kafka.Bolt) { b.Sarama = transactional }, want: []string{"Transaction.ID"}},
		"huge batches":   {bolt: func(b *kafka.Bolt) { b.Sarama = huge }, want: []string{"MaxMessageBytes is 1073741824"}},
		"no describe":    {fault: topics(kerr.TopicAuthorizationFailed), want: []string{"no right", "topic out"}},
		"no idempotence": {fault: producer, want: []string{"IdempotentWrite"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := good
			if c.bolt != nil {
				c.bolt(&b)
			} else {
				defer broker.Cluster().Fault(c.fault).Remove()
			}
			sink := b.New()
			err := sink.Open(t.Context(), bolt.Task{})
			if err == nil {
				t.Fatal("no error")
			}
			wantText(t, err, c.want...)
			if err := sink.Close(); err != nil {
				t.Errorf("close after a failed Open: %v", err)
			}
		})
	}
}

// Who gives up while a task connects, to a broker that accepts and then keeps silent,
// does not wait for it.
func TestOpenEndsWithTheContext(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	addrs := []string{silent.Addr().String()}
	source := kafka.Spout{Brokers: addrs, Topics: []string{"in"}, Group: "terran"}.New()
	sink := kafka.Bolt{Brokers: addrs, Topic: "out"}.New()
	for name, open := range map[string]func(context.Context, tuple.Task) error{"source": source.Open, "sink": sink.Open} {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		begin := time.Now()
		if err := open(ctx, tuple.Task{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("%s: Open returned after %v", name, took)
		}
		cancel()
	}
	if err := errors.Join(source.Close(), sink.Close()); err != nil {
		t.Error(err)
	}
}

func TestOpenNeedsTheRightToWrite(t *testing.T) {
	acl := func(op kmsg.ACLOperation) kfake.ACL {
		return kfake.ACL{Resource: kmsg.ACLResourceTypeTopic, Name: "out", Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: op, Allow: true}
	}
	cluster, err := kfake.NewCluster(kfake.SeedTopics(1, "out"), kfake.EnableSASL(), kfake.EnableACLs(),
		kfake.Superuser("PLAIN", "admin", "admin"),
		kfake.User("PLAIN", "reader", "pw", acl(kmsg.ACLOperationDescribe), acl(kmsg.ACLOperationRead)),
		kfake.User("PLAIN", "writer", "pw", acl(kmsg.ACLOperationDescribe), acl(kmsg.ACLOperationWrite)))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	for user, want := range map[string]string{"reader": "no right to write to topic out", "writer": "", "nobody": "check addresses, TLS and SASL"} {
		t.Run(user, func(t *testing.T) {
			conf := sarama.NewConfig()
			conf.Net.SASL.Enable = true
			conf.Net.SASL.User, conf.Net.SASL.Password = user, "pw"
			sink := kafka.Bolt{Brokers: cluster.ListenAddrs(), Topic: "out", Sarama: conf}.New()
			defer sink.Close()
			switch err := sink.Open(t.Context(), bolt.Task{}); {
			case want == "" && err != nil:
				t.Error(err)
			case want != "" && err == nil:
				t.Error("no error")
			case want != "":
				wantText(t, err, want)
			}
		})
	}
}

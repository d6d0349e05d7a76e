package kafka_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/kafka/kafkatest"
	"github.com/waterspout/waterspout/tuple"
)

// A refused commit does not count: it is said once, tried again, and said once
// when it works again. What a group tells its members while it changes is not
// said unless it lasts.
func TestSourceRefusedCommits(t *testing.T) {
	for _, refusal := range []*kerr.Error{
		kerr.IllegalGeneration, kerr.RebalanceInProgress, kerr.NotCoordinator, kerr.CoordinatorLoadInProgress, kerr.CoordinatorNotAvailable,
	} {
		t.Run(refusal.Message, func(t *testing.T) {
			broker := kafkatest.Start(t, "in:2")
			r := start(t, spoutOf(broker, "in"), ack)
			eventually(t, "both starts are committed", func() bool {
				return committed(t, broker, "in", 0) == 0 && committed(t, broker, "in", 1) == 0
			})
			fault := broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Topic: "in", Partitions: []int32{1}, Err: refusal, Count: 3})
			put(t, broker, "in", series(0, 20)...)
			untilCommitted(t, broker, "in", 0, 10) // its neighbour's refusal is not its own
			untilCommitted(t, broker, "in", 1, 10)
			if fault.Hits() != 3 {
				t.Errorf("%d of 3 refusals happened", fault.Hits())
			}
			said := 1
			if refusal == kerr.IllegalGeneration || refusal == kerr.RebalanceInProgress {
				said = 0
			}
			eventually(t, "it is said that it works again", func() bool { return r.log.count("committing works again") == said })
			if n := r.log.count("committing fails"); n != said {
				t.Errorf("said %d times, want %d:\n%s", n, said, r.log)
			}
			if d := wantAll(t, []*reader{r}, 20); d != 0 {
				t.Errorf("%d records doubled", d)
			}
		})
	}
}

// The start is not emitted from before the broker has accepted it.
func TestSourceStartRefused(t *testing.T) {
	broker := kafkatest.Start(t, "in")
	put(t, broker, "in", series(0, 1)...)
	fault := broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.RebalanceInProgress, Count: 5})
	r := start(t, spoutOf(broker, "in"), func(kafka.Record) error {
		if fault.Hits() != 5 {
			t.Errorf("emitted after %d of 5 refusals", fault.Hits())
		}
		return nil
	})
	r.untilEmitted(1)
}

func TestSourceFollowsCoordinatorAndLeaders(t *testing.T) {
	broker := kafkatest.Start(t, "in:3")
	r := start(t, spoutOf(broker, "in"), ack)
	for i := range 10 {
		put(t, broker, "in", series(i*30, 30)...)
		if i%2 == 0 {
			broker.Cluster().RehashCoordinators()
		} else {
			broker.Cluster().ShufflePartitionLeaders()
		}
		r.untilEmitted(i * 30)
	}
	for p := range int32(3) {
		untilCommitted(t, broker, "in", p, 100)
	}
	if d := wantAll(t, []*reader{r}, 300); d > 60 {
		t.Errorf("%d of 300 records doubled", d)
	}
}

// What a broker says of a fetch is tried again, and said once.
func TestSourceRefusedFetches(t *testing.T) {
	for _, refusal := range []*kerr.Error{
		kerr.OffsetOutOfRange, // although the offset is there
		kerr.NotLeaderForPartition, kerr.KafkaStorageError, kerr.UnknownServerError, kerr.TopicAuthorizationFailed,
		kerr.FencedLeaderEpoch, kerr.UnknownLeaderEpoch,
	} {
		t.Run(refusal.Message, func(t *testing.T) {
			broker := kafkatest.Start(t, "in")
			r := start(t, spoutOf(broker, "in"), ack)
			put(t, broker, "in", series(0, 10)...)
			r.untilEmitted(10)
			fault := broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: "in", Err: refusal, Count: 3})
			eventually(t, "it happened", func() bool { return fault.Hits() == 3 })
			put(t, broker, "in", series(10, 10)...)
			untilCommitted(t, broker, "in", 0, 20)
			if d := wantAll(t, []*reader{r}, 20); d != 0 {
				t.Errorf("%d records doubled", d)
			}
			if n := r.log.count("reading fails"); n != 1 {
				t.Errorf("said %d times:\n%s", n, r.log)
			}
			eventually(t, "it is said that it works again", func() bool { return r.log.count("reading works again") == 1 })
			if r.source.Detail()["last error"] == "" {
				t.Error("Detail does not show the last error")
			}
		})
	}
}

// All brokers go away and come back: said once each way, shown meanwhile,
// nothing lost.
func TestSourceOutlivesAnOutage(t *testing.T) {
	broker := kafkatest.Start(t, "in:2")
	put(t, broker, "in", series(0, 100)...)
	r := start(t, spoutOf(broker, "in"), ack)
	r.untilEmitted(100)
	down := outage(broker.Cluster())
	down.Store(true)
	eventually(t, "Detail shows it", func() bool { return strings.Contains(r.source.Detail()["state"], "fails") })
	eventually(t, "it is logged", func() bool { return r.log.count("fails; trying again") >= 1 })
	tries := down.tries.Load()
	eventually(t, "many more tries", func() bool { return down.tries.Load() > tries+20 })
	for _, doing := range []string{"reading", "membership", "committing"} {
		if n := r.log.count("kafka: " + doing + " fails"); n > 1 {
			t.Errorf("%s: said %d times:\n%s", doing, n, r.log)
		}
	}
	down.Store(false)
	put(t, broker, "in", series(100, 100)...)
	for p := range int32(2) {
		untilCommitted(t, broker, "in", p, 100)
	}
	wantAll(t, []*reader{r}, 200)
	eventually(t, "Detail shows that it is over", func() bool { return r.source.Detail()["state"] == "reads 2 partitions" })
}

// A task can be closed while the brokers are away.
func TestSourceClosesDuringAnOutage(t *testing.T) {
	broker := kafkatest.Start(t, "in")
	put(t, broker, "in", series(0, 10)...)
	spec := spoutOf(broker, "in")
	spec.Sarama.Consumer.Group.Rebalance.Timeout = time.Second
	r := start(t, spec, hold)
	r.untilEmitted(10)
	outage(broker.Cluster()).Store(true)
	_ = r.drain()
	r.settle(ack)
	begin := time.Now()
	_ = r.source.Close() // it may say that it could not leave
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("Close took %s", took)
	}
}

func TestSourceOpenSaysWhatIsWrong(t *testing.T) {
	broker := kafkatest.Start(t, "in", "dead")
	old, hooked, instance, rack := quick(), quick(), quick(), quick()
	rack.RackID = "a"
	old.Version = sarama.V2_0_0_0
	hooked.Consumer.Interceptors = []sarama.ConsumerInterceptor{nil}
	instance.Consumer.Group.InstanceId = "x"
	good := spoutOf(broker, "in")
	for name, c := range map[string]struct {
		spec  func(*kafka.Spout)
		fault kfake.Fault
		want  []string
	}{
		"no brokers":         {spec: func(s *kafka.Spout) { s.Brokers = nil }, want: []string{"set kafka.Spout.Brokers"}},
		"empty topic":        {spec: func(s *kafka.Spout) { s.Topics = []string{"in", ""} }, want: []string{"topic without a name"}},
		"no topics":          {spec: func(s *kafka.Spout) { s.Topics = nil }, want: []string{"set kafka.Spout.Topics"}},
		"no group":           {spec: func(s *kafka.Spout) { s.Group = "" }, want: []string{"set kafka.Spout.Group"}},
		"bad stop":           {spec: func(s *kafka.Spout) { s.Stop = 7 }, want: []string{"stop 7"}},
		"bad give up":        {spec: func(s *kafka.Spout) { s.GiveUp = 7 }, want: []string{"give up 7"}},
		"dead is read":       {spec: func(s *kafka.Spout) { s.Dead = "in" }, want: []string{"dead-letter topic in is also read"}},
		"bad instance":       {spec: func(s *kafka.Spout) { s.Instance = "a/b" }, want: []string{"a/b-0"}},
		"old version":        {spec: func(s *kafka.Spout) { s.Sarama = old }, want: []string{"2.4.0"}},
		"interceptors":       {spec: func(s *kafka.Spout) { s.Sarama = hooked }, want: []string{"Interceptors"}},
		"instance in sarama": {spec: func(s *kafka.Spout) { s.Sarama = instance }, want: []string{"InstanceId", "field Instance"}},
		"rack in sarama":     {spec: func(s *kafka.Spout) { s.Sarama = rack }, want: []string{"RackID", "leave it empty"}},
		"unreachable":        {spec: func(s *kafka.Spout) { s.Brokers = []string{"127.0.0.1:1"} }, want: []string{"127.0.0.1:1", "refused", "check addresses"}},
		"unreachable, plain": {spec: func(s *kafka.Spout) { s.Brokers, s.Sarama = []string{"127.0.0.1:1"}, nil }, want: []string{"127.0.0.1:1", "refused", "check addresses"}},
		"missing topic":      {spec: func(s *kafka.Spout) { s.Topics = []string{"in", "nowhere"} }, want: []string{"nowhere does not exist"}},
		"missing dead":       {spec: func(s *kafka.Spout) { s.Dead = "nowhere" }, want: []string{"dead-letter", "nowhere does not exist"}},
		"no describe": {
			fault: kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Topic: "in", Err: kerr.TopicAuthorizationFailed, Count: -1},
			want:  []string{"no right to see topic in"},
		},
		"no group rights": {
			fault: kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Err: kerr.GroupAuthorizationFailed, TopLevel: true, Count: -1},
			want:  []string{"no right to use group terran"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := good
			if c.spec != nil {
				c.spec(&s)
			} else {
				defer broker.Cluster().Fault(c.fault).Remove()
			}
			source := s.New()
			err := source.Open(t.Context(), tuple.Task{Log: slog.New(&logBook{})})
			if err == nil {
				t.Fatal("no error")
			}
			wantText(t, err, c.want...)
			if err := source.Close(); err != nil {
				t.Errorf("close after a failed Open: %v", err)
			}
		})
	}
}

func TestSourceNeedsTheRightToRead(t *testing.T) {
	acl := func(kind kmsg.ACLResourceType, name string, op kmsg.ACLOperation) kfake.ACL {
		return kfake.ACL{Resource: kind, Name: name, Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: op, Allow: true}
	}
	describe := acl(kmsg.ACLResourceTypeTopic, "in", kmsg.ACLOperationDescribe)
	read := acl(kmsg.ACLResourceTypeTopic, "in", kmsg.ACLOperationRead)
	group := acl(kmsg.ACLResourceTypeGroup, "terran", kmsg.ACLOperationRead)
	cluster, err := kfake.NewCluster(kfake.SeedTopics(1, "in"), kfake.EnableSASL(), kfake.EnableACLs(),
		kfake.Superuser("PLAIN", "admin", "admin"),
		kfake.User("PLAIN", "seer", "pw", describe, group),
		kfake.User("PLAIN", "loner", "pw", describe, read),
		kfake.User("PLAIN", "reader", "pw", read, group))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	for user, want := range map[string]string{
		"seer": "no right to read topic in", "loner": "no right to use group terran", "nobody": "SASL", "reader": "",
	} {
		t.Run(user, func(t *testing.T) {
			conf := quick()
			conf.Net.SASL.Enable = true
			conf.Net.SASL.User, conf.Net.SASL.Password = user, "pw"
			source := kafka.Spout{Brokers: cluster.ListenAddrs(), Topics: []string{"in"}, Group: "terran", Sarama: conf}.New()
			defer source.Close()
			switch err := source.Open(t.Context(), tuple.Task{Log: slog.New(&logBook{})}); {
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

func TestSpoutNeverChangesTheConfiguration(t *testing.T) {
	broker := kafkatest.Start(t, "in")
	spec := spoutOf(broker, "in")
	spec.Instance, spec.Uncommitted = "spire", true
	before := *spec.Sarama
	r := start(t, spec, ack)
	r.until("the task has its partition", func() bool { go r.notify(); return r.partitions() == 1 })
	r.stop()
	// Functions do not compare; the rest of what a Source decides does.
	after := *spec.Sarama
	if before.Consumer.Group.InstanceId != after.Consumer.Group.InstanceId || before.Consumer.IsolationLevel != after.Consumer.IsolationLevel ||
		before.Consumer.Offsets != after.Consumer.Offsets || before.Metadata.AllowAutoTopicCreation != after.Metadata.AllowAutoTopicCreation || before.Consumer.Return != after.Consumer.Return {
		t.Error("the configuration was changed")
	}
}

// A task leaves the group also when the coordinator has moved: its partitions go
// to others at once.
func TestSourceLeavesAfterTheCoordinatorMoved(t *testing.T) {
	broker := kafkatest.Start(t, "in")
	r := start(t, spoutOf(broker, "in"), ack)
	put(t, broker, "in", series(0, 10)...)
	untilCommitted(t, broker, "in", 0, 10)
	fault := broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.LeaveGroup}, TopLevel: true, Err: kerr.NotCoordinator, Count: 2})
	r.stop()
	if members := broker.Cluster().GroupInfo("terran").Members; len(members) != 0 || fault.Hits() != 2 {
		t.Errorf("%d refusals, members after Close: %v", fault.Hits(), members)
	}
}

// A coordinator that restarts is asked to let a task go until it is at work.
func TestSourceLeavesWhenTheCoordinatorIsAtWork(t *testing.T) {
	broker := kafkatest.Start(t, "in")
	r := start(t, spoutOf(broker, "in"), ack)
	put(t, broker, "in", series(0, 10)...)
	untilCommitted(t, broker, "in", 0, 10)
	fault := broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.LeaveGroup}, TopLevel: true, Err: kerr.CoordinatorLoadInProgress, Count: 8})
	r.stop()
	if members := broker.Cluster().GroupInfo("terran").Members; len(members) != 0 || fault.Hits() != 8 {
		t.Errorf("%d refusals, members after Close: %v", fault.Hits(), members)
	}
}

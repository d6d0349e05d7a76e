package kafkaio_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/rcrowley/go-metrics"

	"github.com/waterspout/waterspout/internal/kafkaio"
)

// sarama's sticky strategies write to themselves while they plan; members of one
// configuration that lead their groups at the same time would do so at once.
func TestReaderConfigStrategies(t *testing.T) {
	user := sarama.NewConfig()
	given := []sarama.BalanceStrategy{
		sarama.NewBalanceStrategyCooperativeSticky(), sarama.NewBalanceStrategySticky(), sarama.NewBalanceStrategyRange(),
	}
	user.Version = sarama.V3_6_0_0
	user.Consumer.Group.Rebalance.GroupStrategies = given
	var members [2][]sarama.BalanceStrategy
	for i := range members {
		c, err := kafkaio.ReaderConfig(user, "", false)
		if err != nil {
			t.Fatal(err)
		}
		members[i] = c.Consumer.Group.Rebalance.GroupStrategies
	}
	for i, s := range given {
		mine, other := members[0][i], members[1][i]
		if mine.Name() != s.Name() || other.Name() != s.Name() {
			t.Errorf("strategy %d became %q and %q, want %q", i, mine.Name(), other.Name(), s.Name())
		}
		sticky := s.Name() != sarama.RangeBalanceStrategyName
		if sticky && (mine == s || mine == other) {
			t.Errorf("%s is shared", s.Name())
		}
		if !sticky && mine != s {
			t.Errorf("%s is not the user's", s.Name())
		}
		if user.Consumer.Group.Rebalance.GroupStrategies[i] != s {
			t.Errorf("the user's %s was replaced", s.Name())
		}
	}
}

// A configuration that is made for TLS alone must not bring sarama's patience with it.
func TestConfigOfTheUser(t *testing.T) {
	own, err := kafkaio.WriterConfig(nil)
	if err != nil {
		t.Fatal(err)
	}
	user := sarama.NewConfig()
	user.Net.TLS.Enable = true
	user.Net.DialTimeout = 7 * time.Second
	user.Producer.Retry.Max = 2
	user.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategySticky()}
	c, err := kafkaio.WriterConfig(user)
	if err != nil {
		t.Fatal(err)
	}
	if c.Producer.Retry.BackoffFunc == nil {
		t.Error("the retries have sarama's pauses")
	}
	own.Net.TLS.Enable = true
	own.Net.DialTimeout = 7 * time.Second
	own.Producer.Retry.Max = 2
	own.Consumer.Group.Rebalance.GroupStrategies = user.Consumer.Group.Rebalance.GroupStrategies
	// None of these compare; the functions are not the user's to begin with.
	for _, conf := range []*sarama.Config{own, c} {
		conf.MetricRegistry, conf.Producer.Partitioner, conf.Producer.Retry.BackoffFunc = nil, nil, nil
	}
	if !reflect.DeepEqual(own, c) {
		t.Errorf("beside our own with the same changes:\n%+v\n%+v", own, c)
	}
}

// Metrics are kept where somebody can read them.
func TestMetrics(t *testing.T) {
	own, err := kafkaio.NewConfig(nil)
	if err != nil {
		t.Fatal(err)
	}
	user := sarama.NewConfig()
	theirs, err := kafkaio.NewConfig(user)
	if err != nil {
		t.Fatal(err)
	}
	if theirs.MetricRegistry != user.MetricRegistry {
		t.Error("the user's registry was replaced")
	}
	for _, r := range []metrics.Registry{own.MetricRegistry, theirs.MetricRegistry} {
		metrics.GetOrRegisterMeter("meter", r).Mark(1)
		metrics.GetOrRegisterCounter("counter", r).Inc(1)
		metrics.GetOrRegisterHistogram("histogram", r, metrics.NewUniformSample(10)).Update(1)
	}
	kept := 0
	own.MetricRegistry.Each(func(string, any) { kept++ })
	if kept != 0 {
		t.Errorf("%d metrics are kept that nobody asked for", kept)
	}
	if m, ok := theirs.MetricRegistry.Get("counter").(metrics.Counter); !ok || m.Count() != 1 {
		t.Error("the user's counter does not count")
	}
}

// A poll ends before the client gives the broker up, whatever the user set.
func TestPollsAreShorterThanReads(t *testing.T) {
	for name, change := range map[string]func(*sarama.Config){
		"nothing":             func(*sarama.Config) {},
		"a short read":        func(c *sarama.Config) { c.Net.ReadTimeout = 2 * time.Second },
		"a long poll":         func(c *sarama.Config) { c.Consumer.MaxWaitTime = time.Minute },
		"a producer in haste": func(c *sarama.Config) { c.Producer.Timeout = 100 * time.Millisecond },
	} {
		user := sarama.NewConfig()
		change(user)
		c, err := kafkaio.NewConfig(user)
		if err != nil {
			t.Fatal(err)
		}
		if read, poll := c.Net.ReadTimeout, c.Consumer.MaxWaitTime; poll > read-time.Second || poll < time.Second {
			t.Errorf("%s: polls of %v, reads of %v", name, poll, read)
		}
	}
}

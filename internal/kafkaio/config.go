package kafkaio

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/IBM/sarama"
)

// ClientID is what our clients call themselves, unless a configuration of the
// user's names them.
const ClientID = "waterspout"

// sarama's package-wide limit of a decompressed batch is off by default; a few
// kilobytes from outside could then fill the memory.
const maxDecompressed = 128 << 20

// In init, because nothing of sarama runs yet that could read it meanwhile.
func init() {
	if sarama.MaxDecompressedBatchSize == 0 {
		sarama.MaxDecompressedBatchSize = maxDecompressed
	}
}

// NewConfig is the configuration of a client of either end: a copy of the
// user's, or our own if user is nil. Values that still are sarama's defaults become
// ours, so that a configuration made for TLS or SASL alone loses nothing else; all
// others are checked and stay as they are, except those that a spout or bolt decides
// itself (isolation, membership id, acks, idempotence: see [ReaderConfig] and
// [WriterConfig]). Errors say which field to change. Without one of the user's, sarama
// keeps no metrics, since nobody has its registry.
//
// This package sets sarama.MaxDecompressedBatchSize, which is package-wide, to
// 128 MiB at program start; a program may set another limit in main.
func NewConfig(user *sarama.Config) (*sarama.Config, error) {
	c := sarama.NewConfig()
	if user != nil {
		*c = *user
	} else {
		c.MetricRegistry = unmeasured{c.MetricRegistry}
	}
	adopt(c)
	if err := check(c); err != nil {
		return nil, fmt.Errorf("sarama config: %w", err)
	}
	return c, nil
}

// check reports what we cannot work with. Contradictions inside the user's
// configuration are sarama's to find.
func check(c *sarama.Config) error {
	switch {
	case !c.Version.IsAtLeast(sarama.V2_4_0_0):
		return fmt.Errorf("the Version is %s; set 2.4.0 or later", c.Version)
	case len(c.Consumer.Interceptors) > 0:
		return errors.New("Consumer.Interceptors are not called; use a bolt instead")
	case len(c.Producer.Interceptors) > 0:
		return errors.New("Producer.Interceptors are not called; use a bolt instead")
	case c.Producer.Transaction.ID != "":
		return errors.New("Producer.Transaction.ID is set; transactions are not supported")
	case c.RackID != "":
		return errors.New("RackID is set; reading from followers is not supported, so leave it empty")
	case c.Consumer.Group.InstanceId != "":
		return errors.New("Consumer.Group.InstanceId is set; use the field Instance, which makes one id per task")
	}
	return c.Validate()
}

// adopt replaces sarama's defaults where these wait for long (an unreachable broker,
// a revoked partition), give up early, or contradict what we promise.
func adopt(c *sarama.Config) {
	theirs := sarama.NewConfig()
	replace(&c.ClientID, theirs.ClientID, ClientID)
	replace(&c.Version, theirs.Version, sarama.V3_6_0_0) // an older broker is spoken to in its own version
	replace(&c.Net.DialTimeout, theirs.Net.DialTimeout, 5*time.Second)
	adoptWaits(c, theirs)
	replace(&c.Net.WriteTimeout, theirs.Net.WriteTimeout, 15*time.Second)
	c.Metadata.Full = false
	c.Metadata.AllowAutoTopicCreation = false // a missing topic is a mistake to report, not a topic to make
	replace(&c.Metadata.RefreshFrequency, theirs.Metadata.RefreshFrequency, time.Minute)
	replace(&c.Metadata.Retry.Backoff, theirs.Metadata.Retry.Backoff, 100*time.Millisecond)
	if p := &c.Producer.Retry; p.BackoffFunc == nil && p.Backoff == theirs.Producer.Retry.Backoff {
		p.BackoffFunc = backoff
	}
	replace(&c.Producer.Retry.Max, theirs.Producer.Retry.Max, writeRetries)
	replace(&c.Consumer.Retry.Backoff, theirs.Consumer.Retry.Backoff, 250*time.Millisecond)
	group, before := &c.Consumer.Group, theirs.Consumer.Group
	replace(&group.Heartbeat.Interval, before.Heartbeat.Interval, 500*time.Millisecond) // what a rebalance costs is a few of these
	replace(&group.Rebalance.Timeout, before.Rebalance.Timeout, 30*time.Second)
	replace(&group.Rebalance.Retry.Backoff, before.Rebalance.Retry.Backoff, 250*time.Millisecond)
	if s := group.Rebalance.GroupStrategies; len(s) == 1 && s[0].Name() == sarama.RangeBalanceStrategyName {
		group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategyCooperativeSticky()}
	}
}

// adoptWaits replaces how long a broker may take to answer. A poll may be long, since that
// of a revoked partition is cut short, and ends before the user gives the broker up.
func adoptWaits(c, theirs *sarama.Config) {
	poll := 5 * time.Second
	if c.Net.ReadTimeout != theirs.Net.ReadTimeout {
		poll = min(poll, c.Net.ReadTimeout/2)
	}
	replace(&c.Consumer.MaxWaitTime, theirs.Consumer.MaxWaitTime, poll)
	replace(&c.Net.ReadTimeout, theirs.Net.ReadTimeout, max(c.Producer.Timeout, c.Consumer.MaxWaitTime)+5*time.Second)
}

// replace sets a value that still is sarama's default.
func replace[V comparable](v *V, theirs, ours V) {
	if *v == theirs {
		*v = ours
	}
}

// ReaderConfig is [NewConfig] for a member of a group. instance is its
// group.instance.id, or empty for a dynamic member; it wants letters, digits,
// '.', '_' and '-'.
func ReaderConfig(user *sarama.Config, instance string, uncommitted bool) (*sarama.Config, error) {
	c, err := NewConfig(user)
	if err != nil {
		return nil, err
	}
	c.Consumer.Group.InstanceId = instance
	c.Consumer.Group.Rebalance.GroupStrategies = ownStrategies(c.Consumer.Group.Rebalance.GroupStrategies)
	c.Consumer.Return.Errors = true
	c.Consumer.Offsets.AutoCommit.Enable = false
	c.Consumer.Group.ResetInvalidOffsets = true // of sarama's own reading, which we do not use
	c.Consumer.IsolationLevel = sarama.ReadCommitted
	if uncommitted {
		c.Consumer.IsolationLevel = sarama.ReadUncommitted
	}
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("sarama config: %w", err)
	}
	return c, nil
}

// ownStrategies gives a member sticky strategies of its own: sarama's write down
// what they move while they plan, and the members of all tasks are made of one
// configuration of the user's. Other strategies must bear concurrent calls.
func ownStrategies(user []sarama.BalanceStrategy) []sarama.BalanceStrategy {
	own := slices.Clone(user)
	for i, s := range own {
		for _, fresh := range []sarama.BalanceStrategy{sarama.NewBalanceStrategySticky(), sarama.NewBalanceStrategyCooperativeSticky()} {
			if reflect.TypeOf(s) == reflect.TypeOf(fresh) && s.Name() == fresh.Name() {
				own[i] = fresh
			}
		}
	}
	return own
}

// WriterConfig is [NewConfig] for a producer: acks of all replicas, idempotent,
// its answers returned. An idempotent producer of sarama keeps one request in
// flight per broker.
func WriterConfig(user *sarama.Config) (*sarama.Config, error) {
	c, err := NewConfig(user)
	if err != nil {
		return nil, err
	}
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Producer.Idempotent = true
	c.Net.MaxOpenRequests = 1
	c.Producer.Return.Successes = true
	c.Producer.Return.Errors = true
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("sarama config: %w", err)
	}
	return c, nil
}

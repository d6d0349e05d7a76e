package reference

import (
	"time"

	"github.com/IBM/sarama"
)

// A tuning is a way to set up the hand-written loop. All of them are idempotent,
// with acks of all replicas, uncompressed, and commit at the same interval.
type tuning struct {
	buffers   int // sarama's channels
	fetch     int32
	linger    time.Duration
	messages  int // that end a linger
	producers int
	sticky    bool // balance strategy: cooperative sticky instead of range
	noMetrics bool
}

var best = tuning{buffers: 4096, fetch: 1 << 20, producers: 1, sticky: true, noMetrics: true}

// tunings are what was tried, by contender. README.md has the figures.
var tunings = map[string]tuning{
	"handwritten":           best,
	"handwritten/defaults":  {buffers: 256, fetch: 1 << 20, producers: 1},
	"handwritten/metrics":   best.with(func(t *tuning) { t.noMetrics = false }),
	"handwritten/range":     best.with(func(t *tuning) { t.sticky = false }),
	"handwritten/buf256":    best.with(func(t *tuning) { t.buffers = 256 }),
	"handwritten/buf1024":   best.with(func(t *tuning) { t.buffers = 1024 }),
	"handwritten/buf16384":  best.with(func(t *tuning) { t.buffers = 16384 }),
	"handwritten/linger1":   best.with(func(t *tuning) { t.linger = time.Millisecond }),
	"handwritten/linger5":   best.with(func(t *tuning) { t.linger = 5 * time.Millisecond }),
	"handwritten/linger20":  best.with(func(t *tuning) { t.linger = 20 * time.Millisecond }),
	"handwritten/linger5m1": best.with(func(t *tuning) { t.linger, t.messages = 5*time.Millisecond, 1000 }),
	"handwritten/fetch4M":   best.with(func(t *tuning) { t.fetch = 4 << 20 }),
	"handwritten/fetch256k": best.with(func(t *tuning) { t.fetch = 256 << 10 }),
	"handwritten/five":      best.with(func(t *tuning) { t.producers = 5 }),
	"handwritten/two":       best.with(func(t *tuning) { t.producers = 2 }),
}

func (t tuning) with(change func(*tuning)) tuning {
	change(&t)
	return t
}

func (t tuning) config() (*sarama.Config, error) {
	c := sarama.NewConfig()
	c.Version = sarama.V3_6_0_0
	c.ChannelBufferSize = t.buffers
	c.Consumer.Fetch.Default = t.fetch
	c.Consumer.MaxWaitTime = 250 * time.Millisecond
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	c.Consumer.Offsets.AutoCommit.Enable = false
	c.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategyRange()}
	if t.sticky {
		c.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategyCooperativeSticky()}
	}
	c.Producer.Idempotent = true
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Net.MaxOpenRequests = 1
	c.Producer.Partitioner = sarama.NewManualPartitioner
	c.Producer.Return.Successes = true
	c.Producer.Flush.Frequency = t.linger
	c.Producer.Flush.Messages = t.messages
	return c, c.Validate()
}

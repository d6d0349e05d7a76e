package microbatch

import (
	"context"
	"log/slog"

	"github.com/waterspout/waterspout/internal/kafkaio"
)

// A Record is a message of a topic.
type Record = kafkaio.Record

// KafkaParams say what a stream reads, and as whom.
type KafkaParams struct {
	Brokers []string
	Topic   string
	Group   string
	// Instance makes the members static: a process that takes the place of a
	// killed one goes on at once with its partitions. It is unique in the group,
	// and the same after a restart; empty is dynamic members.
	Instance string
}

// connect makes a member of the group that begins with the oldest record.
func (p KafkaParams) connect(ctx context.Context, instance string, log *slog.Logger, claimed, revoked func(*kafkaio.Claim)) (*kafkaio.Member, error) {
	conf, err := kafkaio.ReaderConfig(nil, instance, false)
	if err != nil {
		return nil, err
	}
	return kafkaio.Connect(ctx, kafkaio.MemberConfig{
		Brokers: p.Brokers, Topics: []string{p.Topic}, Group: p.Group, Sarama: conf,
		Log: log, Claimed: claimed, Revoked: revoked,
	})
}

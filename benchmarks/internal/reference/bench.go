package reference

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/waterspout/waterspout/internal/tweets"
	"github.com/waterspout/waterspout/kafka/kafkatest"
)

const partitions = 5

// A Bench has the topics of a benchmark, and judges runs. It belongs to the
// parent.
type Bench struct {
	Addrs  []string
	broker *kafkatest.Broker
	admin  *kadm.Client
	id     string
	topics int
	made   []string
}

// NewBench connects to a Kafka.
func NewBench(ctx context.Context, addrs []string) (*Bench, error) {
	broker, err := kafkatest.Connect(ctx, addrs...)
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(addrs...))
	if err != nil {
		return nil, err
	}
	id := time.Now().UTC().Format("20060102-150405")
	return &Bench{Addrs: addrs, broker: broker, admin: kadm.NewClient(client), id: id}, nil
}

// Close deletes the topics that are left, and disconnects.
func (b *Bench) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), stall)
	defer cancel()
	err := b.Delete(ctx, b.made...)
	b.admin.Close()
	b.broker.Close()
	return err
}

// Topic makes a topic of five partitions whose name begins with prefix.
func (b *Bench) Topic(ctx context.Context, prefix string) (string, error) {
	b.topics++
	name := fmt.Sprintf("%s.%s.%d", prefix, b.id, b.topics)
	if err := b.broker.CreateTopic(ctx, fmt.Sprintf("%s:%d", name, partitions)); err != nil {
		return "", err
	}
	b.made = append(b.made, name)
	return name, nil
}

// Delete deletes topics, so that an embedded Kafka does not keep their data.
func (b *Bench) Delete(ctx context.Context, topics ...string) error {
	for _, t := range slices.Clone(topics) {
		if _, err := b.admin.DeleteTopic(ctx, t); err != nil {
			return fmt.Errorf("delete topic %s: %w", t, err)
		}
	}
	b.made = slices.DeleteFunc(b.made, func(t string) bool { return slices.Contains(topics, t) })
	return nil
}

// Fill makes an input of n tweets.
func (b *Bench) Fill(ctx context.Context, n uint64) (string, error) {
	in, err := b.Topic(ctx, "zerg.hydra")
	if err != nil {
		return "", err
	}
	return in, b.broker.Fill(ctx, in, tweets.New(1).Records(0, n))
}

// Check compares the output of a finished run with its input, and the group's
// commit with the input's end. An untracked run commits what it read, so that
// its commit says nothing and its output all.
func (b *Bench) Check(ctx context.Context, s Spec) error {
	verdict, err := tweets.Check{In: tweets.Data{Topic: s.In}, Out: tweets.Data{Topic: s.Out}}.Run(ctx, b.broker)
	if err != nil {
		return err
	}
	if !verdict.OK() || uint64(verdict.In) != s.Records {
		return fmt.Errorf("reference: of %d records read %d were written: missing %d, duplicates %d, of unknown origin %d",
			verdict.In, verdict.Out, verdict.Missing, verdict.Duplicates, verdict.Phantoms)
	}
	ends, err := b.broker.EndOffsets(ctx, s.In)
	if err != nil {
		return err
	}
	committed, err := b.broker.Committed(ctx, s.Group)
	if err != nil {
		return err
	}
	if !maps.Equal(ends, committed[s.In]) {
		return errors.New("reference: the commits of the group are not at the end of the input")
	}
	return nil
}

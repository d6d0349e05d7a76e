package models

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/waterspout/waterspout/benchmarks/internal/reference"
	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/kafka/kafkatest"
)

// A Kafka is the broker that all engines of a benchmark use.
type Kafka struct {
	Addrs []string
	Pid   int    // of its process; its CPU time is not known if zero
	About string // as the report shows it: "embedded Kafka (kfake)", "Apache Kafka 4.3.1"
}

// topics makes and fills topics, and looks at their ends.
type topics struct {
	broker *kafkatest.Broker
	client *kgo.Client
	admin  *kadm.Client
	stamp  string
	made   []string
	count  int
}

func connect(ctx context.Context, addrs []string) (*topics, error) {
	broker, err := kafkatest.Connect(ctx, addrs...)
	if err != nil {
		return nil, fmt.Errorf("models: no Kafka at %v: %w", addrs, err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(addrs...))
	if err != nil {
		broker.Close()
		return nil, err
	}
	return &topics{
		broker: broker, client: client, admin: kadm.NewClient(client),
		stamp: time.Now().UTC().Format("20060102-150405"),
	}, nil
}

// close deletes what is left.
func (t *topics) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	err := t.delete(ctx, t.made...)
	t.client.Close()
	t.broker.Close()
	return err
}

func (t *topics) create(ctx context.Context, suffix string, partitions int) (string, error) {
	t.count++
	name := fmt.Sprintf("zerg.hydra.%s.%s.%d", suffix, t.stamp, t.count)
	if err := t.broker.CreateTopic(ctx, fmt.Sprintf("%s:%d", name, partitions)); err != nil {
		return "", err
	}
	t.made = append(t.made, name)
	return name, nil
}

func (t *topics) delete(ctx context.Context, names ...string) error {
	for _, n := range slices.Clone(names) {
		if _, err := t.admin.DeleteTopic(ctx, n); err != nil {
			return fmt.Errorf("models: delete topic %s: %w", n, err)
		}
	}
	t.made = slices.DeleteFunc(t.made, func(n string) bool { return slices.Contains(names, n) })
	return nil
}

// fill writes the tweets numbered from up to but not including to.
func (t *topics) fill(ctx context.Context, topic string, from, to, size int) error {
	return t.broker.Fill(ctx, topic, records(reference.Values(uint64(from), uint64(to), size), size > 0))
}

// records are those of values, which are copied if they do not last.
func records(values iter.Seq[[]byte], copied bool) iter.Seq[kafka.Record] {
	return func(yield func(kafka.Record) bool) {
		for v := range values {
			if copied {
				v = slices.Clone(v)
			}
			if !yield(kafka.Of(v)) {
				return
			}
		}
	}
}

// end is how many records a topic ever had.
func (t *topics) end(ctx context.Context, topic string) (int, error) {
	ends, err := t.broker.EndOffsets(ctx, topic)
	return int(ends.Sum()), err
}

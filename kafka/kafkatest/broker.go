package kafkatest

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A Broker is a Kafka cluster, embedded unless made with [Connect].
type Broker struct {
	cluster *kfake.Cluster // nil for Connect
	addrs   []string
	client  *kgo.Client // produces and administers; each read has its own
	admin   *kadm.Client
}

// Start starts an embedded Kafka of three nodes with the given topics, each
// "name" or "name:partitions", and closes it at the end of the test. It fails
// the test if it cannot.
func Start(t testing.TB, topics ...string) *Broker {
	t.Helper()
	b, err := Run(topics...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// Run is [Start] for programs: the caller closes the broker.
func Run(topics ...string) (*Broker, error) {
	opts := []kfake.Opt{
		// A segment is a slice that doubles when it is full: small ones
		// waste and copy little.
		kfake.BrokerConfigs(map[string]string{"log.segment.bytes": strconv.Itoa(64 << 10)}),
	}
	for _, spec := range topics {
		name, partitions, err := parseTopic(spec)
		if err != nil {
			return nil, err
		}
		opts = append(opts, kfake.SeedTopics(partitions, name))
	}
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		return nil, fmt.Errorf("kafkatest: start the embedded Kafka: %w", err)
	}
	b, err := connect(cluster.ListenAddrs())
	if err != nil {
		cluster.Close()
		return nil, err
	}
	b.cluster = cluster
	return b, nil
}

// Connect is a Broker that runs elsewhere, and goes on running after Close. It
// reports an error if none of the addresses answers before ctx ends.
func Connect(ctx context.Context, addrs ...string) (*Broker, error) {
	b, err := connect(addrs)
	if err != nil {
		return nil, err
	}
	if err := b.client.Ping(ctx); err != nil {
		b.Close()
		return nil, fmt.Errorf("kafkatest: no Kafka at %s: %w", strings.Join(addrs, ", "), err)
	}
	return b, nil
}

func connect(addrs []string) (*Broker, error) {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(addrs...),
		kgo.AlwaysRetryEOF(), // brokers of tests hang up
		kgo.ProducerLinger(0),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.RecordPartitioner(kgo.BasicConsistentPartitioner(partitioner)),
	)
	if err != nil {
		return nil, fmt.Errorf("kafkatest: connect to %s: %w", strings.Join(addrs, ", "), err)
	}
	return &Broker{addrs: addrs, client: client, admin: kadm.NewClient(client)}, nil
}

func parseTopic(spec string) (name string, partitions int32, err error) {
	name, count, found := strings.Cut(spec, ":")
	if !found {
		return name, 1, nil
	}
	n, err := strconv.ParseInt(count, 10, 32)
	if err != nil || n < 1 {
		return "", 0, fmt.Errorf("kafkatest: topic %q: want name or name:partitions", spec)
	}
	return name, int32(n), nil
}

// Close ends the broker. Clients that are still connected see it vanish.
func (b *Broker) Close() {
	b.client.Close()
	if b.cluster != nil {
		b.cluster.Close()
	}
}

// Addrs are the addresses to connect to, as host:port.
func (b *Broker) Addrs() []string { return b.addrs }

// Cluster controls the embedded Kafka: faults, leader moves, intercepted
// requests. It is nil for a broker made with [Connect].
func (b *Broker) Cluster() *kfake.Cluster { return b.cluster }

// CreateTopic creates a topic from "name" or "name:partitions", with topic
// configs as key and value in turn ("max.message.bytes", "20000000"), and returns when
// it can be written to.
func (b *Broker) CreateTopic(ctx context.Context, spec string, configs ...string) error {
	name, partitions, err := parseTopic(spec)
	if err != nil {
		return err
	}
	byKey := map[string]*string{}
	for i := 0; i+1 < len(configs); i += 2 {
		byKey[configs[i]] = &configs[i+1]
	}
	if _, err := b.admin.CreateTopic(ctx, partitions, -1, byKey, name); err != nil {
		return fmt.Errorf("kafkatest: create topic %s: %w", name, err)
	}
	return b.awaitLeaders(ctx, name)
}

// awaitLeaders returns when a topic that was just created can be written to: a broker
// answers before it has heard of it.
func (b *Broker) awaitLeaders(ctx context.Context, topic string) error {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		topics, err := b.admin.ListTopics(ctx, topic)
		if err != nil {
			return fmt.Errorf("kafkatest: look up topic %s: %w", topic, err)
		}
		led := topics[topic].Err == nil
		for _, p := range topics[topic].Partitions {
			led = led && p.Err == nil && p.Leader >= 0
		}
		if led && len(topics[topic].Partitions) > 0 {
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("kafkatest: topic %s has no leaders: %w", topic, context.Cause(ctx))
		}
	}
}

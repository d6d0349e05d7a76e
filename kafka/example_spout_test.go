package kafka_test

import (
	"context"
	"fmt"
	"log"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/kafka/kafkatest"
	"github.com/waterspout/waterspout/topology"
)

// A topology that reads a topic to its end. What it has acked is committed: a
// second run has nothing to do.
func ExampleSpout() {
	broker, err := kafkatest.Run("zerg.hydra")
	if err != nil {
		log.Fatal(err)
	}
	defer broker.Close()
	ctx := context.Background()
	for _, text := range []string{"to be", "or not", "to be"} {
		if err := broker.Produce(ctx, "zerg.hydra", kafka.Of([]byte(text))); err != nil {
			log.Fatal(err)
		}
	}

	run := func() {
		b := topology.New("words")
		in := kafka.Spout{Brokers: broker.Addrs(), Topics: []string{"zerg.hydra"}, Group: "terran", Stop: kafka.AtEnd}
		lines := topology.Spout(b, "read", in.New)
		topology.Bolt(lines.By(grouping.Global), "print", bolt.Sink(func(_ context.Context, r kafka.Record) error {
			fmt.Printf("%s/%d@%d: %s\n", r.Topic, r.Partition, r.Offset, r.Value)
			return nil
		}))
		if err := cluster.Run(ctx, topology.Must(b.Build()), cluster.Local{}); err != nil {
			log.Fatal(err)
		}
	}
	run()
	run()
	fmt.Println("done")
	// Output:
	// zerg.hydra/0@0: to be
	// zerg.hydra/0@1: or not
	// zerg.hydra/0@2: to be
	// done
}

// Records that can never be processed go to a dead-letter topic, as they were
// read, with headers that say why.
func ExampleSpout_dead() {
	broker, err := kafkatest.Run("zerg.hydra", "zerg.hydra.dead")
	if err != nil {
		log.Fatal(err)
	}
	defer broker.Close()
	ctx := context.Background()
	if err := broker.Produce(ctx, "zerg.hydra", kafka.Of([]byte("good")), kafka.Of([]byte("bad"))); err != nil {
		log.Fatal(err)
	}

	b := topology.New("words")
	in := kafka.Spout{
		Brokers: broker.Addrs(), Topics: []string{"zerg.hydra"}, Group: "terran", Stop: kafka.AtEnd,
		Dead: "zerg.hydra.dead",
	}
	lines := topology.Spout(b, "read", in.New)
	topology.Bolt(lines.By(grouping.Shuffle), "check", bolt.Sink(func(_ context.Context, r kafka.Record) error {
		if string(r.Value) == "bad" {
			return bolt.Reject(fmt.Errorf("it is bad"))
		}
		return nil
	}))
	if err := cluster.Run(ctx, topology.Must(b.Build()), cluster.Local{}); err != nil {
		log.Fatal(err)
	}

	letters, err := broker.Read(ctx, "zerg.hydra.dead")
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range letters {
		fmt.Printf("%s\n", r.Value)
		for _, h := range r.Headers {
			fmt.Printf("%s: %s\n", h.Key, h.Value)
		}
	}
	// Output:
	// bad
	// waterspout-reason: rejected in check: it is bad
	// waterspout-component: check
	// waterspout-topic: zerg.hydra
	// waterspout-partition: 0
	// waterspout-offset: 1
	// waterspout-attempts: 1
}

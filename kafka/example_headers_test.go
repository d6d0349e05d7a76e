package kafka_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/waterspout/waterspout/avro"
	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/internal/tweets"
	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/kafka/kafkatest"
	"github.com/waterspout/waterspout/topology"
)

// Keys and headers travel along when the record itself is what the bolts hand
// on: each replaces the value and leaves the rest. Here a task gets all tweets
// of a key, and writes them in their order.
func ExampleRecord() {
	broker, err := kafkatest.Run("in:3", "out:2")
	if err != nil {
		log.Fatal(err)
	}
	defer broker.Close()
	codec := avro.Must(avro.New[tweets.Tweet](tweets.Schema))
	ctx := context.Background()
	for _, text := range []string{"gg", "wp"} {
		value, err := codec.Append(nil, tweets.Tweet{Username: "zergling", Text: text})
		if err != nil {
			log.Fatal(err)
		}
		r := kafka.Record{Key: []byte("zergling"), Value: value, Headers: []kafka.Header{{Key: "trace", Value: []byte("t-" + text)}}}
		if err := broker.Produce(ctx, "in", r); err != nil {
			log.Fatal(err)
		}
	}

	shout := func(_ context.Context, r kafka.Record) (kafka.Record, error) {
		var t tweets.Tweet
		if err := codec.Decode(r.Value, &t); err != nil {
			return r, bolt.Reject(err)
		}
		t.Text = strings.ToUpper(t.Text)
		var err error
		r.Value, err = codec.Append(nil, t)
		return r, err
	}
	b := topology.New("shout")
	in := kafka.Spout{Brokers: broker.Addrs(), Topics: []string{"in"}, Group: "terran", Stop: kafka.AtEnd}
	out := kafka.Bolt{Brokers: broker.Addrs(), Topic: "out"}
	read := topology.Spout(b, "read", in.New)
	loud := topology.Bolt(read.By(grouping.Bytes(kafka.AppendKey)), "shout", bolt.Map(shout), topology.Parallelism(4))
	topology.Bolt(loud.By(grouping.Bytes(kafka.AppendKey)), "write", out.New)
	if err := cluster.Run(ctx, topology.Must(b.Build()), cluster.Local{}); err != nil {
		log.Fatal(err)
	}

	written, err := broker.Read(ctx, "out")
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range written {
		var t tweets.Tweet
		if err := codec.Decode(r.Value, &t); err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %s (%s %s)\n", r.Key, t.Text, r.Headers[0].Key, r.Headers[0].Value)
	}
	// Output:
	// zergling: GG (trace t-gg)
	// zergling: WP (trace t-wp)
}

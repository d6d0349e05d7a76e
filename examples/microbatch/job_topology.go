package main

import (
	"context"

	"github.com/waterspout/waterspout/avro"
	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/internal/tweets"
	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/topology"
	"github.com/waterspout/waterspout/tuple"
)

// recordAtATime is the job as a topology, at least once: a record is read again if
// it was not written.
func recordAtATime(ctx context.Context, j job) (map[string]int64, error) {
	in := kafka.Spout{Brokers: j.brokers, Topics: []string{j.in}, Group: j.group}
	out := kafka.Bolt{Brokers: j.brokers, Topic: j.out}

	b := topology.New("tweets")
	raw := topology.Spout(b, "read", in.New, topology.Parallelism(j.partitions))
	decode := avro.Decoder(codec, kafka.Value, bolt.Fatal)
	decoded := topology.Bolt(raw.By(grouping.Shuffle), "decode", func() *decoder { return &decoder{Decode: decode()} })
	encoded := topology.Bolt(decoded.By(grouping.Shuffle), "encode", avro.Encoder(codec, kafka.Of))
	topology.Bolt(encoded.By(grouping.Shuffle), "write", func() *writer { return &writer{Sink: out.New()} })
	topo, err := b.Build()
	if err != nil {
		return nil, err
	}

	running, err := cluster.Start(ctx, topo, cluster.Local{})
	if err != nil {
		return nil, err
	}
	err = running.Wait()
	return running.Stats().Counters, err
}

// A decoder is the Avro decoder with a counter.
type decoder struct {
	*avro.Decode[kafka.Record, tweets.Tweet]
	consumed *tuple.Counter
}

// Open implements bolt.Opener.
func (d *decoder) Open(_ context.Context, task bolt.Task) error {
	d.consumed = task.Counter(consumed)
	return nil
}

// Execute implements bolt.Bolt.
func (d *decoder) Execute(ctx context.Context, r kafka.Record, out *bolt.Collector[tweets.Tweet]) error {
	d.consumed.Add(1)
	return d.Decode.Execute(ctx, r, out)
}

// A writer is the Kafka bolt with a counter.
type writer struct {
	*kafka.Sink
	produced *tuple.Counter
}

// Open implements bolt.Opener.
func (w *writer) Open(ctx context.Context, task bolt.Task) error {
	w.produced = task.Counter(produced)
	return w.Sink.Open(ctx, task)
}

// Execute implements bolt.Bolt.
func (w *writer) Execute(ctx context.Context, r kafka.Record, out *bolt.Collector[bolt.None]) error {
	w.produced.Add(1)
	return w.Sink.Execute(ctx, r, out)
}

package main

import (
	"context"
	"errors"
	"math/rand/v2"

	"github.com/waterspout/waterspout/avro"
	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/internal/tweets"
	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/topology"
	"github.com/waterspout/waterspout/tuple"
)

var codec = avro.Must(avro.New[tweets.Tweet](tweets.Schema))

// job is the topology.
func job(o options, brokers []string, stop kafka.Stop) (*topology.Topology, error) {
	b := topology.New("tweets")
	in := kafka.Spout{Brokers: brokers, Topics: []string{o.in}, Group: o.group, Dead: o.dead, Stop: stop}
	out := kafka.Bolt{Brokers: brokers, Topic: o.out}

	raw := topology.Spout(b, "read", in.New, topology.Parallelism(o.spouts))
	decoded := topology.Bolt(raw.By(grouping.Shuffle), "decode", decoders(o), topology.Parallelism(o.decoders))
	encoded := topology.Bolt(decoded.By(grouping.Shuffle), "encode", avro.Encoder(codec, kafka.Of), topology.Parallelism(o.encoders))
	topology.Bolt(encoded.By(grouping.Shuffle), "write", writers(out), topology.Parallelism(o.writers))
	return b.Build()
}

// The counters of the job.
const (
	consumed = "Kafka messages consumed"
	produced = "Kafka messages produced"
	injected = "failures injected"
)

// A decoder is the Avro decoder with a counter, and with failures if they are
// asked for.
type decoder struct {
	*avro.Decode[kafka.Record, tweets.Tweet]
	consumed *tuple.Counter
	injected *tuple.Counter
	options  options
	dice     *rand.Rand
}

func decoders(o options) func() *decoder {
	bad := bolt.Drop
	if o.dead != "" {
		bad = bolt.Reject
	}
	decode := avro.Decoder(codec, kafka.Value, bad)
	return func() *decoder { return &decoder{Decode: decode(), options: o} }
}

// Open makes the counters.
func (d *decoder) Open(_ context.Context, task bolt.Task) error {
	d.consumed = task.Counter(consumed)
	if d.options.fail > 0 {
		d.injected = task.Counter(injected)
		d.dice = rand.New(rand.NewPCG(d.options.seed, uint64(task.Index)))
	}
	return nil
}

var errInjected = errors.New("failed on purpose, by -fail")

// Execute decodes a record, unless the dice say no: then the record comes again.
func (d *decoder) Execute(ctx context.Context, r kafka.Record, out *bolt.Collector[tweets.Tweet]) error {
	if d.dice != nil && d.dice.Float64() < d.options.fail {
		d.injected.Add(1)
		return errInjected
	}
	d.consumed.Add(1)
	return d.Decode.Execute(ctx, r, out)
}

// A writer is the Kafka bolt with a counter.
type writer struct {
	*kafka.Sink
	produced *tuple.Counter
}

func writers(out kafka.Bolt) func() *writer {
	return func() *writer { return &writer{Sink: out.New()} }
}

// Open makes the counter, and opens the Sink.
func (w *writer) Open(ctx context.Context, task bolt.Task) error {
	w.produced = task.Counter(produced)
	return w.Sink.Open(ctx, task)
}

// Execute counts a record and hands it on.
func (w *writer) Execute(ctx context.Context, r kafka.Record, out *bolt.Collector[bolt.None]) error {
	w.produced.Add(1)
	return w.Sink.Execute(ctx, r, out)
}

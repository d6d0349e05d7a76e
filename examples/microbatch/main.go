// Microbatch is one job in two models: tweets in Avro are read from a Kafka topic,
// decoded, counted, encoded, and written to another topic, by Spark Streaming's
// micro-batches or by a topology. The two are in job_microbatch.go and
// job_topology.go, to be laid side by side.
//
//	go run ./examples/microbatch
//	go run ./examples/microbatch -model topology
//	go run ./examples/microbatch -brokers host:9092 -in zerg.hydra -out zerg.hydra.out
//
// Without brokers it starts a Kafka in this process, sends three tweets through the
// job, and prints what came out. With brokers the topics must exist, and the job goes
// on until it is interrupted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/waterspout/waterspout/avro"
	"github.com/waterspout/waterspout/internal/tweets"
	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/kafka/kafkatest"
)

var codec = avro.Must(avro.New[tweets.Tweet](tweets.Schema))

// The counters of the job.
const (
	consumed = "Kafka messages consumed"
	produced = "Kafka messages produced"
)

// A job is what both models are given.
type job struct {
	brokers        []string
	in, out, group string
	partitions     int // of the input
}

// A model does a job until ctx ends, finishes what it has begun, and says what it
// counted.
type model func(ctx context.Context, j job) (map[string]int64, error)

var models = map[string]model{"microbatch": microBatch, "topology": recordAtATime}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		stop()
		log.Fatal(err)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	j := job{partitions: 1}
	flags := flag.NewFlagSet("microbatch", flag.ContinueOnError)
	brokers := flags.String("brokers", "", "addresses of a Kafka, with commas; without, it is in this process")
	name := flags.String("model", "microbatch", "microbatch or topology")
	flags.StringVar(&j.in, "in", "zerg.hydra", "topic to read")
	flags.StringVar(&j.out, "out", "zerg.hydra.out", "topic to write")
	flags.StringVar(&j.group, "group", "terran", "consumer group")
	if err := flags.Parse(args); err != nil {
		return err
	}
	do, ok := models[*name]
	if !ok {
		return fmt.Errorf("-model %s: want microbatch or topology", *name)
	}
	if *brokers == "" {
		return demonstrate(ctx, do, j, out)
	}
	j.brokers = strings.Split(*brokers, ",")
	broker, err := kafkatest.Connect(ctx, j.brokers...)
	if err != nil {
		return err
	}
	ends, err := broker.EndOffsets(ctx, j.in)
	broker.Close()
	if err != nil {
		return fmt.Errorf("topic %s: create it, or name another with -in: %w", j.in, err)
	}
	j.partitions = len(ends)
	counts, err := do(ctx, j)
	if err != nil {
		return err
	}
	printCounts(out, counts)
	return nil
}

// sent are the tweets of the demonstration.
var sent = []tweets.Tweet{
	{Username: "ANY_USER_1", Text: "ANY_TEXT_1", Timestamp: 1_401_000_000},
	{Username: "ANY_USER_2", Text: "ANY_TEXT_2", Timestamp: 1_401_000_001},
	{Username: "ANY_USER_3", Text: "ANY_TEXT_3", Timestamp: 1_401_000_002},
}

// demonstrate does the job on a Kafka of its own, and prints what came out.
func demonstrate(ctx context.Context, do model, j job, out io.Writer) error {
	broker, err := kafkatest.Run(j.in, j.out)
	if err != nil {
		return err
	}
	defer broker.Close()
	j.brokers = broker.Addrs()
	for _, t := range sent {
		value, err := codec.Append(nil, t)
		if err != nil {
			return err
		}
		if err := broker.Produce(ctx, j.in, kafka.Of(value)); err != nil {
			return err
		}
	}
	ctx, stop := context.WithCancel(ctx)
	var watch sync.WaitGroup
	defer watch.Wait()
	defer stop()
	watch.Go(func() {
		defer stop()
		for ends, err := broker.EndOffsets(ctx, j.out); err == nil && ends.Sum() < int64(len(sent)); ends, err = broker.EndOffsets(ctx, j.out) {
			time.Sleep(20 * time.Millisecond)
		}
	})
	counts, err := do(ctx, j)
	if err != nil {
		return err
	}
	records, err := broker.Read(context.WithoutCancel(ctx), j.out)
	if err != nil {
		return err
	}
	for _, r := range records {
		var t tweets.Tweet
		if err := codec.Decode(r.Value, &t); err != nil {
			return err
		}
		fmt.Fprintf(out, "%s: %s\n", t.Username, t.Text)
	}
	printCounts(out, counts)
	return nil
}

func printCounts(out io.Writer, counts map[string]int64) {
	for _, name := range []string{consumed, produced} {
		fmt.Fprintf(out, "%s: %d\n", name, counts[name])
	}
}

package microbatch_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/waterspout/waterspout/benchmarks/microbatch"
	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/kafka/kafkatest"
)

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "8") // the tests wait for groups to change, most of the time
	// sarama's metrics start one ticker per process and never stop it.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}

var silent = slog.New(slog.NewTextHandler(io.Discard, nil))

// within ends a test that hangs.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually asks until it is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for ctx := within(t); !so(); {
		select {
		case <-ctx.Done():
			t.Fatalf("not in time: %s", what)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// numbers are records whose values are the numbers.
func numbers(from, to int) []kafka.Record {
	var rs []kafka.Record
	for i := from; i < to; i++ {
		rs = append(rs, kafka.Of(strconv.AppendInt(nil, int64(i), 10)))
	}
	return rs
}

func produce(t *testing.T, broker *kafkatest.Broker, from, to int) {
	t.Helper()
	check(t, broker.Produce(within(t), "in", numbers(from, to)...))
}

// written is how often each number is in the output.
func written(t *testing.T, broker *kafkatest.Broker) map[int]int {
	t.Helper()
	records, err := broker.Read(within(t), "out")
	check(t, err)
	count := map[int]int{}
	for _, r := range records {
		n, err := strconv.Atoi(string(r.Value))
		check(t, err)
		count[n]++
	}
	return count
}

// wantOnce checks that the output has each of the numbers once.
func wantOnce(t *testing.T, broker *kafkatest.Broker, from, to int) {
	t.Helper()
	count := written(t, broker)
	for i := from; i < to; i++ {
		if count[i] != 1 {
			t.Errorf("%d is written %d times", i, count[i])
		}
	}
	if len(count) != to-from {
		t.Errorf("%d numbers are written, want %d", len(count), to-from)
	}
}

// copying is an output operation that copies records to the topic out.
func copying(t *testing.T, broker *kafkatest.Broker) func(*microbatch.RDD[microbatch.Record]) error {
	pool := microbatch.NewProducerPool(broker.Addrs(), "out", nil)
	t.Cleanup(func() {
		if err := pool.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	shared := microbatch.NewBroadcast(pool)
	return func(rdd *microbatch.RDD[microbatch.Record]) error {
		return rdd.ForeachPartition(func(task *microbatch.Task, records iter.Seq[microbatch.Record]) error {
			p, err := shared.Value().Borrow(task.Context())
			if err != nil {
				return err
			}
			defer shared.Value().Return(p)
			for r := range records {
				if err := p.Send(task.Context(), slices.Clone(r.Value)); err != nil {
					return err
				}
			}
			return p.Flush(task.Context())
		})
	}
}

func committed(t *testing.T, broker *kafkatest.Broker) int64 {
	t.Helper()
	offsets, err := broker.Committed(within(t), "terran")
	check(t, err)
	return offsets["in"].Sum()
}

func params(broker *kafkatest.Broker) microbatch.KafkaParams {
	return microbatch.KafkaParams{Brokers: broker.Addrs(), Topic: "in", Group: "terran"}
}

// startDirect runs a copying job on a direct stream, with a function between.
func startDirect(t *testing.T, broker *kafkatest.Broker, conf microbatch.Conf, f func(microbatch.Record) (microbatch.Record, error)) *microbatch.StreamingContext {
	t.Helper()
	conf.Log = silent
	ssc := microbatch.NewStreamingContext(conf, 50*time.Millisecond)
	microbatch.Map(microbatch.DirectStream(ssc, params(broker)), f).ForeachRDD(copying(t, broker))
	check(t, ssc.Start(t.Context()))
	t.Cleanup(func() { _ = ssc.Stop(context.Background(), false) }) // a test that cares has stopped it
	return ssc
}

func same(r microbatch.Record) (microbatch.Record, error) { return r, nil }

func number(r microbatch.Record) int {
	n, err := strconv.Atoi(string(r.Value))
	if err != nil {
		panic(fmt.Sprintf("no number: %q", r.Value))
	}
	return n
}

// administered calls f with a client of its own.
func administered(t *testing.T, broker *kafkatest.Broker, f func(*kadm.Client) error) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(broker.Addrs()...))
	check(t, err)
	defer client.Close()
	check(t, f(kadm.NewClient(client)))
}

func deleteTopic(t *testing.T, broker *kafkatest.Broker, topic string) {
	t.Helper()
	administered(t, broker, func(c *kadm.Client) error {
		_, err := c.DeleteTopic(within(t), topic)
		return err
	})
}

// commitTo commits an offset of partition 0 of the topic in.
func commitTo(t *testing.T, broker *kafkatest.Broker, offset int64) {
	t.Helper()
	administered(t, broker, func(c *kadm.Client) error {
		var offsets kadm.Offsets
		offsets.AddOffset("in", 0, offset, -1)
		return c.CommitAllOffsets(within(t), "terran", offsets)
	})
}

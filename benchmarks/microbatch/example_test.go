package microbatch_test

import (
	"context"
	"fmt"
	"iter"
	"log"
	"sync"
	"time"

	"github.com/waterspout/waterspout/benchmarks/microbatch"
	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/kafka/kafkatest"
)

// users is a receiver of names.
type users struct {
	names    []string
	received chan struct{}
}

func (u *users) Open(context.Context) error { return nil }
func (u *users) Close() error               { return nil }

func (u *users) Receive(ctx context.Context, store microbatch.Store[string]) error {
	store(ctx, u.names)
	close(u.received)
	<-ctx.Done()
	return nil
}

// A count of distinct users is wrong if each input stream counts its own: alice is
// in both. Union makes them one stream, and one partition has all of a batch.
func ExampleUnion() {
	ssc := microbatch.NewStreamingContext(microbatch.Conf{}, 100*time.Millisecond)
	var streams []*microbatch.DStream[string]
	inputs := []*users{
		{[]string{"alice", "bob", "alice"}, make(chan struct{})},
		{[]string{"carol", "alice"}, make(chan struct{})},
	}
	for _, u := range inputs {
		streams = append(streams, microbatch.ReceiverStream(ssc, u, microbatch.ReceiverOptions{}))
	}
	distinct := map[string]bool{} // one task at a time has it
	microbatch.Repartition(microbatch.Union(streams...), 1).ForeachRDD(func(rdd *microbatch.RDD[string]) error {
		return rdd.ForeachPartition(func(_ *microbatch.Task, names iter.Seq[string]) error {
			for name := range names {
				distinct[name] = true
			}
			return nil
		})
	})
	ctx := context.Background()
	if err := ssc.Start(ctx); err != nil {
		log.Fatal(err)
	}
	for _, u := range inputs {
		<-u.received
	}
	if err := ssc.Stop(ctx, true); err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(distinct), "distinct users")
	// Output: 3 distinct users
}

// Direct mode, the accumulator, and the end of a context.
func Example() {
	broker, err := kafkatest.Run("in")
	if err != nil {
		log.Fatal(err)
	}
	defer broker.Close()
	ctx := context.Background()
	if err := broker.Produce(ctx, "in", kafka.Of([]byte("hello")), kafka.Of([]byte("world"))); err != nil {
		log.Fatal(err)
	}
	ssc := microbatch.NewStreamingContext(microbatch.Conf{}, 100*time.Millisecond)
	consumed := ssc.Accumulator("Kafka messages consumed")
	stream := microbatch.DirectStream(ssc, microbatch.KafkaParams{Brokers: broker.Addrs(), Topic: "in", Group: "terran"})
	words := microbatch.Map(stream, func(r microbatch.Record) (string, error) {
		consumed.Add(1)
		return string(r.Value), nil
	})
	var both sync.WaitGroup
	both.Add(2)
	words.ForeachRDD(func(rdd *microbatch.RDD[string]) error {
		return rdd.ForeachPartition(func(_ *microbatch.Task, records iter.Seq[string]) error {
			for w := range records {
				fmt.Println(w)
				both.Done()
			}
			return nil
		})
	})
	if err := ssc.Start(ctx); err != nil {
		log.Fatal(err)
	}
	both.Wait()
	if err := ssc.Stop(ctx, true); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: %d\n", consumed.Name(), consumed.Value())
	// Output:
	// hello
	// world
	// Kafka messages consumed: 2
}

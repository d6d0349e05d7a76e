package microbatch_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/waterspout/waterspout/benchmarks/microbatch"
	"github.com/waterspout/waterspout/kafka/kafkatest"
)

type output = func(*microbatch.RDD[microbatch.Record]) error

// startReceivers runs a job on one stream per number of threads.
func startReceivers(t *testing.T, p microbatch.ReceiverKafkaParams, o microbatch.ReceiverOptions, out output, threads ...int) (*microbatch.StreamingContext, []*microbatch.KafkaReceiver) {
	t.Helper()
	ssc := microbatch.NewStreamingContext(microbatch.Conf{BlockInterval: 20 * time.Millisecond, Log: silent}, 50*time.Millisecond)
	var streams []*microbatch.DStream[microbatch.Record]
	var receivers []*microbatch.KafkaReceiver
	for _, n := range threads {
		p.Threads = n
		s, r := microbatch.ReceiverKafkaStream(ssc, p, o)
		streams, receivers = append(streams, s), append(receivers, r)
	}
	microbatch.Repartition(microbatch.Union(streams...), 3).ForeachRDD(out)
	check(t, ssc.Start(t.Context()))
	t.Cleanup(func() { _ = ssc.Stop(context.Background(), false) }) // a test that cares has stopped it
	return ssc, receivers
}

func receiverParams(broker *kafkatest.Broker) microbatch.ReceiverKafkaParams {
	return microbatch.ReceiverKafkaParams{KafkaParams: params(broker)}
}

// assigned is how many threads have how many partitions.
func assigned(receivers ...*microbatch.KafkaReceiver) map[int]int {
	count := map[int]int{}
	for _, r := range receivers {
		for _, n := range r.Assigned() {
			count[n]++
		}
	}
	return count
}

func draw(rdd *microbatch.RDD[microbatch.Record]) error {
	return rdd.ForeachPartition(func(_ *microbatch.Task, records iter.Seq[microbatch.Record]) error {
		for range records {
		}
		return nil
	})
}

// The ten partitions of a topic are shared by the threads of its receivers; of 14
// threads, 4 are idle.
func TestThreadsShareThePartitions(t *testing.T) {
	t.Parallel()
	for threads, want := range map[int]int{1: 10, 5: 2, 10: 1, 14: 1} {
		t.Run(fmt.Sprint(threads), func(t *testing.T) {
			t.Parallel()
			broker := kafkatest.Start(t, "in:10")
			ssc, receivers := startReceivers(t, receiverParams(broker), microbatch.ReceiverOptions{}, draw, threads)
			eventually(t, "all assigned", func() bool {
				a := assigned(receivers...)
				return a[want]*want == 10 && a[want]+a[0] == threads
			})
			check(t, ssc.Stop(within(t), false))
		})
	}
}

// More threads at run time share the partitions anew, and nothing is lost.
func TestMoreThreadsRebalance(t *testing.T) {
	t.Parallel()
	broker := kafkatest.Start(t, "in:10", "out")
	out := copying(t, broker)
	one, first := startReceivers(t, receiverParams(broker), microbatch.ReceiverOptions{}, out, 1)
	eventually(t, "all are the one's", func() bool { return assigned(first...)[10] == 1 })
	produce(t, broker, 0, 1000)
	more, others := startReceivers(t, receiverParams(broker), microbatch.ReceiverOptions{}, out, 13)
	eventually(t, "ten of 14 have one", func() bool {
		a := assigned(append(others, first...)...)
		return a[1] == 10 && a[0] == 4
	})
	produce(t, broker, 1000, 2000)
	eventually(t, "2000 received", func() bool { return committed(t, broker) == 2000 })
	check(t, one.Stop(within(t), true))
	check(t, more.Stop(within(t), true))
	wantOnce(t, broker, 0, 2000)
}

// The article's job has a receiver with one thread per partition.
func TestUnionOfReceivers(t *testing.T) {
	t.Parallel()
	broker := kafkatest.Start(t, "in:5", "out:5")
	ssc, receivers := startReceivers(t, receiverParams(broker), microbatch.ReceiverOptions{}, copying(t, broker), 1, 1, 1, 1, 1)
	eventually(t, "each has one", func() bool { return assigned(receivers...)[1] == 5 })
	produce(t, broker, 0, 5000)
	eventually(t, "5000 received", func() bool { return committed(t, broker) == 5000 })
	check(t, ssc.Stop(within(t), true))
	wantOnce(t, broker, 0, 5000)
}

// What receivers took and no batch has processed is lost with the process: it is
// committed. That is what direct mode cures, see TestDirectStoppedAtOnceLosesNothing.
func TestReceivedIsLostWithTheDriver(t *testing.T) {
	t.Parallel()
	broker := kafkatest.Start(t, "in:5", "out")
	produce(t, broker, 0, 1000)
	hang := make(chan struct{})
	stuck := func(*microbatch.RDD[microbatch.Record]) error {
		<-hang
		return context.Canceled
	}
	ssc, _ := startReceivers(t, receiverParams(broker), microbatch.ReceiverOptions{}, stuck, 5)
	eventually(t, "1000 received", func() bool { return committed(t, broker) == 1000 && ssc.Status().Waiting == 1000 })
	time.AfterFunc(10*time.Millisecond, func() { close(hang) })
	check(t, ssc.Stop(within(t), false))

	ssc, _ = startReceivers(t, receiverParams(broker), microbatch.ReceiverOptions{}, copying(t, broker), 5)
	produce(t, broker, 1000, 1100)
	eventually(t, "1100 received", func() bool { return committed(t, broker) == 1100 })
	check(t, ssc.Stop(within(t), true))
	wantOnce(t, broker, 1000, 1100)
}

// auto.offset.reset=smallest starts over at each restart, although all is committed.
func TestSmallestStartsOver(t *testing.T) {
	t.Parallel()
	for _, smallest := range []bool{false, true} {
		t.Run(fmt.Sprint(smallest), func(t *testing.T) {
			t.Parallel()
			startOver(t, smallest)
		})
	}
}

func startOver(t *testing.T, smallest bool) {
	broker := kafkatest.Start(t, "in:2", "out")
	produce(t, broker, 0, 100)
	p := receiverParams(broker)
	p.Smallest = smallest
	want := 1
	for i := range 2 {
		ssc, receivers := startReceivers(t, p, microbatch.ReceiverOptions{}, copying(t, broker), 2)
		eventually(t, "assigned", func() bool { return assigned(receivers...)[1] == 2 })
		eventually(t, "received", func() bool { return committed(t, broker) == 100 })
		check(t, ssc.Stop(within(t), true))
		if smallest {
			want = i + 1
		}
		count := written(t, broker)
		for n := range 100 {
			if times := count[n]; times != want {
				t.Fatalf("smallest %v: after %d runs %d is written %d times, want %d", smallest, i+1, n, times, want)
			}
		}
	}
}

// A receiver whose membership failed is dead: nobody reads its partitions, those of
// its other threads neither, and the context goes on as if nothing were.
func TestDeadKafkaReceiver(t *testing.T) {
	t.Parallel()
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprint(restart), func(t *testing.T) {
			t.Parallel()
			die(t, restart)
		})
	}
}

func die(t *testing.T, restart bool) {
	broker := kafkatest.Start(t, "in:4", "out")
	ssc, receivers := startReceivers(t, receiverParams(broker), microbatch.ReceiverOptions{Restart: restart}, copying(t, broker), 2)
	eventually(t, "assigned", func() bool { return assigned(receivers...)[2] == 2 })
	produce(t, broker, 0, 100)
	eventually(t, "100 received", func() bool { return committed(t, broker) == 100 })
	refused := broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Err: kerr.GroupAuthorizationFailed, Count: 1})
	check(t, refused.Wait(within(t), 1))
	eventually(t, "death", func() bool { return restart || slices.Min(receivers[0].Assigned()) == 0 })
	produce(t, broker, 100, 200)
	if restart {
		eventually(t, "200 received", func() bool { return committed(t, broker) == 200 })
	}
	batches := ssc.Status().Completed
	eventually(t, "more batches", func() bool { return ssc.Status().Completed > batches+20 })
	select {
	case <-ssc.Done():
		t.Error("the context ended")
	default:
	}
	check(t, ssc.Stop(within(t), true))
	if got := len(written(t, broker)); restart != (got == 200) {
		t.Errorf("restart %v: %d written", restart, got)
	}
}

package microbatch_test

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/waterspout/waterspout/benchmarks/microbatch"
	"github.com/waterspout/waterspout/kafka/kafkatest"
)

func TestDirectCopiesAndCommits(t *testing.T) {
	t.Parallel()
	broker := kafkatest.Start(t, "in:5", "out:5")
	produce(t, broker, 0, 5000)
	ssc := startDirect(t, broker, microbatch.Conf{}, same)
	eventually(t, "5000 committed", func() bool { return committed(t, broker) == 5000 })
	produce(t, broker, 5000, 6000)
	eventually(t, "6000 committed", func() bool { return committed(t, broker) == 6000 })
	check(t, ssc.Stop(within(t), true))
	wantOnce(t, broker, 0, 6000)
	check(t, ssc.AwaitTermination(t.Context()))
}

// A restart goes on at the commits.
func TestDirectResumes(t *testing.T) {
	t.Parallel()
	broker := kafkatest.Start(t, "in:5", "out:5")
	for i := range 3 {
		ssc := startDirect(t, broker, microbatch.Conf{}, same)
		produce(t, broker, i*100, i*100+100)
		eventually(t, "commit", func() bool { return committed(t, broker) == int64(i*100+100) })
		check(t, ssc.Stop(within(t), i%2 == 0))
	}
	wantOnce(t, broker, 0, 300)
}

// Output is doubled when a task is run again: it begins at the start of its range.
func TestDirectRunsATaskAgain(t *testing.T) {
	t.Parallel()
	broker := kafkatest.Start(t, "in", "out")
	produce(t, broker, 0, 1000)
	var poisoned sync.Map
	poison := func(r microbatch.Record) (microbatch.Record, error) {
		if n := number(r); n == 300 || n == 700 {
			if _, again := poisoned.LoadOrStore(n, true); !again {
				return r, errors.New("poison")
			}
		}
		return r, nil
	}
	ssc := startDirect(t, broker, microbatch.Conf{}, poison)
	eventually(t, "commit", func() bool { return committed(t, broker) == 1000 })
	produce(t, broker, 1000, 1100) // read on from where the first reader is
	eventually(t, "commit", func() bool { return committed(t, broker) == 1100 })
	check(t, ssc.Stop(within(t), true))
	count := written(t, broker)
	for _, c := range []struct{ from, to, want int }{{0, 300, 3}, {300, 700, 2}, {700, 1100, 1}} {
		for i := c.from; i < c.to; i++ {
			if count[i] != c.want {
				t.Fatalf("%d is written %d times, want %d", i, count[i], c.want)
			}
		}
	}
}

// The fourth failure of a task is that of its batch, which ends the context; nothing
// of the batch is committed.
func TestDirectFailedBatch(t *testing.T) {
	t.Parallel()
	broker := kafkatest.Start(t, "in", "out")
	produce(t, broker, 0, 100)
	var attempts atomic.Int32
	bad := errors.New("never works")
	ssc := startDirect(t, broker, microbatch.Conf{}, func(r microbatch.Record) (microbatch.Record, error) {
		if number(r) == 50 {
			attempts.Add(1)
			return r, bad
		}
		return r, nil
	})
	err := ssc.AwaitTermination(within(t))
	if !errors.Is(err, bad) || !strings.Contains(err.Error(), "failed 4 times") || attempts.Load() != 4 {
		t.Errorf("after %d attempts: %v", attempts.Load(), err)
	}
	if n := committed(t, broker); n != 0 {
		t.Errorf("%d is committed", n)
	}
	if again := ssc.Stop(t.Context(), true); !errors.Is(again, bad) {
		t.Errorf("Stop returns %v", again)
	}
}

// A record that the broker refuses fails its task; what is committed is written.
func TestDirectWriteFails(t *testing.T) {
	t.Parallel()
	broker := kafkatest.Start(t, "in:2", "out")
	refused := broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "out", Err: kerr.TopicAuthorizationFailed, Count: 2})
	produce(t, broker, 0, 1000)
	ssc := startDirect(t, broker, microbatch.Conf{}, same)
	eventually(t, "commit", func() bool { return committed(t, broker) == 1000 })
	check(t, ssc.Stop(within(t), true))
	count := written(t, broker)
	for i := range 1000 {
		if count[i] == 0 {
			t.Fatalf("%d is lost", i)
		}
	}
	if refused.Hits() != 2 {
		t.Errorf("%d requests were refused", refused.Hits())
	}
}

// What was written and not committed when the process ended is written again.
func TestDirectStoppedAtOnceLosesNothing(t *testing.T) {
	t.Parallel()
	broker := kafkatest.Start(t, "in:5", "out:5")
	produce(t, broker, 0, 1000)
	half, hang := make(chan struct{}), make(chan struct{})
	var n atomic.Int32
	ssc := startDirect(t, broker, microbatch.Conf{}, func(r microbatch.Record) (microbatch.Record, error) {
		if n.Add(1) == 500 {
			close(half)
			<-hang
		}
		return r, nil
	})
	<-half
	time.AfterFunc(10*time.Millisecond, func() { close(hang) })
	check(t, ssc.Stop(within(t), false))
	if n := committed(t, broker); n == 1000 {
		t.Fatal("all is committed")
	}
	ssc = startDirect(t, broker, microbatch.Conf{}, same)
	eventually(t, "commit", func() bool { return committed(t, broker) == 1000 })
	check(t, ssc.Stop(within(t), true))
	count := written(t, broker)
	for i := range 1000 {
		if count[i] == 0 {
			t.Errorf("%d is lost", i)
		}
	}
}

func TestDirectMistakes(t *testing.T) {
	broker := kafkatest.Start(t, "in")
	ssc := microbatch.NewStreamingContext(microbatch.Conf{Log: silent}, time.Second)
	nowhere := params(broker)
	nowhere.Topic = "nowhere"
	stream := microbatch.DirectStream(ssc, nowhere)
	if err := ssc.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "no output operation") {
		t.Errorf("nothing to do: %v", err)
	}
	stream.ForeachRDD(func(*microbatch.RDD[microbatch.Record]) error { return nil })
	if err := ssc.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "topic nowhere does not exist; create it") {
		t.Errorf("no topic: %v", err)
	}
	if err := ssc.Stop(t.Context(), true); err != nil {
		t.Errorf("never started: %v", err)
	}
}

// Two processes share the partitions, and when one ends the other goes on.
func TestDirectShares(t *testing.T) {
	t.Parallel()
	broker := kafkatest.Start(t, "in:4", "out:4")
	one := startDirect(t, broker, microbatch.Conf{}, same)
	produce(t, broker, 0, 1000)
	other := startDirect(t, broker, microbatch.Conf{}, same)
	produce(t, broker, 1000, 2000)
	eventually(t, "2000 committed", func() bool { return committed(t, broker) == 2000 })
	check(t, one.Stop(within(t), true))
	produce(t, broker, 2000, 3000)
	eventually(t, "3000 committed", func() bool { return committed(t, broker) == 3000 })
	check(t, other.Stop(within(t), true))
	wantOnce(t, broker, 0, 3000)
}

// A static member's place is taken by the next of its name; the context of the first
// ends, and says why.
func TestDirectInstanceIsFollowed(t *testing.T) {
	t.Parallel()
	broker := kafkatest.Start(t, "in:4", "out:4")
	start := func() *microbatch.StreamingContext {
		ssc := microbatch.NewStreamingContext(microbatch.Conf{Log: silent}, 50*time.Millisecond)
		p := params(broker)
		p.Instance = "spire"
		microbatch.DirectStream(ssc, p).ForeachRDD(copying(t, broker))
		check(t, ssc.Start(t.Context()))
		return ssc
	}
	first := start()
	produce(t, broker, 0, 100)
	eventually(t, "commit", func() bool { return committed(t, broker) == 100 })
	second := start()
	if err := first.AwaitTermination(within(t)); err == nil || !strings.Contains(err.Error(), "another member joined with our instance id") {
		t.Errorf("the first ended with %v", err)
	}
	produce(t, broker, 100, 200)
	eventually(t, "commit", func() bool { return committed(t, broker) == 200 })
	check(t, second.Stop(within(t), true))
	count := written(t, broker) // the first may have had a batch that it could not commit
	for i := range 200 {
		if count[i] == 0 {
			t.Errorf("%d is lost", i)
		}
	}
}

// A second output operation reads the batch a second time.
func TestDirectTwoOutputs(t *testing.T) {
	t.Parallel()
	broker := kafkatest.Start(t, "in:2", "out:2")
	ssc := microbatch.NewStreamingContext(microbatch.Conf{Log: silent}, 50*time.Millisecond)
	stream := microbatch.DirectStream(ssc, params(broker))
	stream.ForeachRDD(copying(t, broker))
	stream.ForeachRDD(copying(t, broker))
	check(t, ssc.Start(t.Context()))
	for i := range 3 {
		produce(t, broker, i*100, i*100+100)
		eventually(t, "commit", func() bool { return committed(t, broker) == int64(i*100+100) })
	}
	check(t, ssc.Stop(within(t), true))
	count := written(t, broker)
	for i := range 300 {
		if count[i] != 2 {
			t.Errorf("%d is written %d times", i, count[i])
		}
	}
}

// A topic that was made anew has lower offsets than the group's commits.
func TestDirectTopicMadeAnew(t *testing.T) {
	t.Parallel()
	broker := kafkatest.Start(t, "in", "out")
	produce(t, broker, 0, 100)
	ssc := startDirect(t, broker, microbatch.Conf{}, same)
	eventually(t, "commit", func() bool { return committed(t, broker) == 100 })
	check(t, ssc.Stop(within(t), true))
	deleteTopic(t, broker, "in")
	check(t, broker.CreateTopic(t.Context(), "in"))
	again, err := kafkatest.Connect(within(t), broker.Addrs()...) // whose client does not know the old one
	check(t, err)
	defer again.Close()
	produce(t, again, 100, 110)
	commitTo(t, broker, 100)
	ssc = startDirect(t, broker, microbatch.Conf{}, same)
	eventually(t, "commit", func() bool { return committed(t, broker) == 10 })
	produce(t, again, 110, 120)
	eventually(t, "commit", func() bool { return committed(t, broker) == 20 })
	check(t, ssc.Stop(within(t), true))
	wantOnce(t, broker, 0, 120)
}

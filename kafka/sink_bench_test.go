package kafka_test

import (
	"context"
	"syscall"
	"testing"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/tuple"
)

// blackhole is a Kafka that answers and keeps nothing.
func blackhole(b *testing.B) []string {
	b.Helper()
	c, err := kfake.NewCluster(kfake.SeedTopics(5, "out"), kfake.BlackholeProduce())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.Close)
	return c.ListenAddrs()
}

// window is how many records are on their way at most, as max pending would
// have it.
const window = 16 << 10

// BenchmarkSink compares a Sink to the loop that one would write by hand on a
// sarama.AsyncProducer of the same guarantees. No setting of Flush or
// ChannelBufferSize made that cheaper without costing milliseconds of latency.
// Both run against the same broker in this process, whose CPU time is part of
// both figures.
func BenchmarkSink(b *testing.B) {
	brokers := blackhole(b)
	b.Run("sink", func(b *testing.B) { benchSink(b, brokers) })
	b.Run("handwritten", func(b *testing.B) { benchProducer(b, brokers) })
}

// slots is an engine that only bounds the open inputs.
type slots struct {
	free chan struct{}
	held tuple.Held
}

func (s *slots) Emit(bolt.None, []tuple.Held)               {}
func (s *slots) Side(any) any                               { return nil }
func (s *slots) Go(int, func(context.Context) func() error) {}
func (s *slots) Hold() tuple.Held                           { return s.held }
func (s *slots) Settle(_, _ uint32, err error)              { panic(err) }
func (s *slots) AckAll(held []tuple.Held) {
	for range held {
		<-s.free
	}
}

func benchSink(b *testing.B, brokers []string) {
	sink := kafka.Bolt{Brokers: brokers, Topic: "out"}.New()
	if err := sink.Open(b.Context(), tuple.Task{}); err != nil {
		b.Fatal(err)
	}
	s := &slots{free: make(chan struct{}, window)}
	s.held = tuple.NewHeld(s, 1, 1)
	out := bolt.NewCollector(s)
	value := make([]byte, 180)
	ctx := context.Background()
	cpu := cpuTime(b)
	b.ReportAllocs()
	for b.Loop() {
		select {
		case s.free <- struct{}{}:
		default:
			if err := sink.Drained(ctx, out); err != nil {
				b.Fatal(err)
			}
			s.free <- struct{}{}
		}
		if err := sink.Execute(ctx, kafka.Of(value), out); err != nil {
			b.Fatal(err)
		}
	}
	if err := sink.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric((cpuTime(b)-cpu)/float64(b.N)*1e6, "cpu-s/M")
}

func benchProducer(b *testing.B, brokers []string) {
	conf := sarama.NewConfig()
	conf.Version = sarama.V3_6_0_0
	conf.Producer.RequiredAcks = sarama.WaitForAll
	conf.Producer.Idempotent = true
	conf.Net.MaxOpenRequests = 1
	conf.Producer.Return.Successes = true
	conf.Producer.Partitioner = sarama.NewRoundRobinPartitioner
	p, err := sarama.NewAsyncProducer(brokers, conf)
	if err != nil {
		b.Fatal(err)
	}
	free := make(chan struct{}, window)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range p.Successes() {
			<-free
		}
	}()
	value := make([]byte, 180)
	cpu := cpuTime(b)
	b.ReportAllocs()
	for b.Loop() {
		free <- struct{}{}
		p.Input() <- &sarama.ProducerMessage{Topic: "out", Value: sarama.ByteEncoder(value)}
	}
	p.AsyncClose()
	<-done
	b.ReportMetric((cpuTime(b)-cpu)/float64(b.N)*1e6, "cpu-s/M")
}

// cpuTime is the process's user and system time in seconds.
func cpuTime(b *testing.B) float64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return seconds(r.Utime) + seconds(r.Stime)
}

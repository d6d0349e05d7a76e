package kafkaio_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/waterspout/waterspout/internal/kafkaio"
	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/kafka/kafkatest"
)

// An outcome is that of one record.
type outcome struct {
	token     int
	partition int32
	offset    int64
	err       error
}

func newWriter(t *testing.T, o kafkaio.WriterOptions) (*kafkaio.Writer[int], chan outcome) {
	t.Helper()
	results := make(chan outcome, 1<<16)
	w, err := kafkaio.NewWriter(t.Context(), o, func(r kafkaio.Result[int]) {
		for i, token := range r.Tokens {
			results <- outcome{token, r.Partition, r.Offset + int64(i), r.Err}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return w, results
}

func write(t *testing.T, w *kafkaio.Writer[int], from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		r := kafkaio.Record{Topic: "out", Value: fmt.Appendf(nil, "%d", i)}
		if err := w.Write(t.Context(), &r, i); err != nil {
			t.Fatal(err)
		}
	}
}

// A Result says where its records are.
func TestWriterResults(t *testing.T) {
	broker := fresh(t, "out:3")
	w, results := newWriter(t, kafkaio.WriterOptions{Brokers: broker.Addrs()})
	write(t, w, 0, 1000)
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(t, w, 1000, 1001)
	if err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	records, err := broker.Read(t.Context(), "out")
	if err != nil {
		t.Fatal(err)
	}
	type place struct {
		partition int32
		offset    int64
	}
	at := map[place]string{}
	for _, r := range records {
		at[place{r.Partition, r.Offset}] = string(r.Value)
	}
	if len(results) != 1001 || len(at) != 1001 {
		t.Errorf("%d results, %d records, want 1001", len(results), len(at))
	}
	for range len(results) {
		r := <-results
		if got := at[place{r.partition, r.offset}]; r.err != nil || got != fmt.Sprint(r.token) {
			t.Errorf("record %d: %v, partition %d offset %d has %q", r.token, r.err, r.partition, r.offset, got)
		}
	}
}

// A broker that has just started has no producer ids for a moment.
func TestWriterWaitsForAProducerID(t *testing.T) {
	broker := kafkatest.Start(t, "out")
	fault := broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.InitProducerID}, TopLevel: true, Err: kerr.CoordinatorLoadInProgress, Count: 3})
	w, results := newWriter(t, kafkaio.WriterOptions{Brokers: broker.Addrs()})
	write(t, w, 0, 1)
	if err := w.Close(t.Context()); err != nil || len(results) != 1 || fault.Hits() != 3 {
		t.Errorf("%v, %d results after %d refusals", err, len(results), fault.Hits())
	}
}

func TestWriterFlushEndsWithTheContext(t *testing.T) {
	broker := kafkatest.Start(t, "out")
	w, results := newWriter(t, kafkaio.WriterOptions{Brokers: broker.Addrs()})
	answer := make(chan struct{})
	broker.Cluster().ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		broker.Cluster().DropControl()
		broker.Cluster().SleepControl(func() { <-answer })
		return nil, nil, false
	})
	write(t, w, 0, 10)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := w.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) || len(results) != 0 {
		t.Errorf("got %v and %d results", err, len(results))
	}
	close(answer)
	if err := w.Close(t.Context()); err != nil || len(results) != 10 {
		t.Errorf("got %v and %d results", err, len(results))
	}
}

// Close gives a result to what the buffer had no room for, too.
func TestWriterCloseEndsWhatWaits(t *testing.T) {
	broker := kafkatest.Start(t, "out")
	w, results := newWriter(t, kafkaio.WriterOptions{Brokers: broker.Addrs()})
	broker.Cluster().ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		broker.Cluster().KeepControl()
		return nil, nil, true // never answered
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	written, err := 0, error(nil)
	for r := (kafkaio.Record{Topic: "out", Value: make([]byte, 10_000)}); err == nil; written++ {
		err = w.Write(ctx, &r, written)
	}
	if err := w.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if len(results) != written {
		t.Errorf("%d results of %d records", len(results), written)
	}
}

func TestWriterLargeRecords(t *testing.T) {
	broker := fresh(t)
	if err := broker.CreateTopic(t.Context(), "out", "max.message.bytes", "20000000"); err != nil {
		t.Fatal(err)
	}
	conf := sarama.NewConfig()
	conf.Producer.MaxMessageBytes = 15_000_000
	w, results := newWriter(t, kafkaio.WriterOptions{Brokers: broker.Addrs(), Sarama: conf})
	for i, n := range []int{10 << 20, 1, 10 << 20, 15_000_001} {
		r := kafkaio.Record{Topic: "out", Value: make([]byte, n)}
		if err := w.Write(t.Context(), &r, i); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range len(results) {
		r := <-results
		_, refused := errors.AsType[*kafkaio.RefusedError](r.err)
		if refused != (r.token == 3) || !refused && r.err != nil {
			t.Errorf("record %d: %v", r.token, r.err)
		}
	}
	var got []kafka.Record
	got, err := broker.Read(t.Context(), "out")
	if err != nil || len(got) != 3 || len(got[0].Value) != 10<<20 || len(got[2].Value) != 10<<20 {
		t.Errorf("%v: %d records", err, len(got))
	}
}

// TestNewWriterWhoseContextEnds: a Writer that was made while its context ended would have
// no connections, and wait for ever for what it has taken.
func TestNewWriterWhoseContextEnds(t *testing.T) {
	broker := kafkatest.Start(t, "out")
	for range 50 {
		ctx, cancel := context.WithCancel(t.Context())
		broker.Cluster().ControlKey(int16(kmsg.InitProducerID), func(kmsg.Request) (kmsg.Response, error, bool) {
			cancel()
			return nil, nil, false
		})
		w, err := kafkaio.NewWriter(ctx, kafkaio.WriterOptions{Brokers: broker.Addrs(), Topics: []string{"out"}}, func(kafkaio.Result[int]) {})
		if err == nil {
			t.Error("it was made although its context had ended")
			_ = w.Close(t.Context())
		} else if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}

// TestAnswerThatTimesOut: the next try goes over another connection, also if the broker is
// asked for nothing else meanwhile; else what waits behind is given up.
func TestAnswerThatTimesOut(t *testing.T) {
	broker := kafkatest.Start(t, "out")
	for range 5 {
		conf := sarama.NewConfig()
		conf.Net.ReadTimeout = 200 * time.Millisecond
		conf.Producer.Retry.Max = 1
		w, results := newWriter(t, kafkaio.WriterOptions{Brokers: broker.Addrs(), Topics: []string{"out"}, Sarama: conf})
		held := make(chan struct{})
		broker.Cluster().ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
			close(held)
			return nil, nil, true
		})
		for token := range 2 {
			if err := errors.Join(w.Write(t.Context(), &kafkaio.Record{Topic: "out", Value: []byte("a")}, token), w.Push(t.Context())); err != nil {
				t.Fatal(err)
			}
			if token == 0 {
				<-held
			}
		}
		for range 2 {
			if o := <-results; o.err != nil {
				t.Error(o)
			}
		}
		if err := w.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

package kafka_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/kafka/kafkatest"
	"github.com/waterspout/waterspout/tuple"
)

// inputs is an engine reduced to what a sink needs: it holds inputs and notes
// their outcomes.
type inputs struct {
	mu       sync.Mutex
	outcomes map[uint32]error
	settled  chan struct{} // buffered; one token per outcome
	next     uint32
}

func newInputs() *inputs {
	return &inputs{outcomes: map[uint32]error{}, settled: make(chan struct{}, 1<<20)}
}

func (in *inputs) Emit(bolt.None, []tuple.Held) {}
func (in *inputs) Side(any) any                 { return nil }
func (in *inputs) Go(int, func(context.Context) func() error) {
	panic("a sink starts no goroutines of the engine")
}

func (in *inputs) Hold() tuple.Held {
	in.next++
	return tuple.NewHeld(in, in.next, 0)
}

func (in *inputs) Settle(slot, _ uint32, err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if _, twice := in.outcomes[slot]; !twice {
		in.outcomes[slot] = err
		in.settled <- struct{}{}
	}
}

// count is how many outcomes there are.
func (in *inputs) count() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.outcomes)
}

func (in *inputs) AckAll(held []tuple.Held) {
	for _, h := range held {
		h.Ack()
	}
}

// wait waits for n outcomes and returns the errors among them by the number of
// the input, from 1.
func (in *inputs) wait(t *testing.T, n int) map[uint32]error {
	t.Helper()
	late := time.After(30 * time.Second)
	for range n {
		select {
		case <-in.settled:
		case <-late:
			t.Fatalf("of %d outcomes %d came", n, in.count())
		}
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	failed := map[uint32]error{}
	for slot, err := range in.outcomes {
		if err != nil {
			failed[slot] = err
		}
	}
	return failed
}

// running is an open sink with its inputs.
type running struct {
	*kafka.Sink
	*inputs
	out *bolt.Collector[bolt.None]
}

func open(t *testing.T, b kafka.Bolt) running {
	t.Helper()
	sink, in := b.New(), newInputs()
	if err := sink.Open(t.Context(), tuple.Task{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sink.Close() })
	return running{sink, in, bolt.NewCollector(in)}
}

func (r running) write(t *testing.T, records ...kafka.Record) {
	t.Helper()
	for _, rec := range records {
		if err := r.Execute(t.Context(), rec, r.out); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Drained(t.Context(), r.out); err != nil {
		t.Fatal(err)
	}
}

// numbered are records with the values 0 to n-1.
func numbered(n int) []kafka.Record {
	out := make([]kafka.Record, n)
	for i := range out {
		out[i] = kafka.Of(fmt.Appendf(nil, "%d", i))
	}
	return out
}

func values(records []kafka.Record) []string {
	out := make([]string, len(records))
	for i, r := range records {
		out[i] = string(r.Value)
	}
	return out
}

func read(t *testing.T, b *kafkatest.Broker, topic string) []kafka.Record {
	t.Helper()
	records, err := b.Read(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// Package bolttest runs one bolt in a test, on the real engine: Open, Execute for
// each input in its order, Tick and Drained when the inputs are over, Close.
//
// The invariant: what [Run] returns is all that the bolt emitted, and the test
// fails if an input failed, was never answered, Tick or Drained failed, or the bolt
// could not be opened or closed.
//
//	func TestSplit(t *testing.T) {
//		got := bolttest.Run(t, bolt.FlatMap(strings.FieldsSeq), "to be", "or not")
//		if !slices.Equal(got, []string{"to", "be", "or", "not"}) { t.Error(got) }
//	}
//
// Call it from the test's goroutine. It works inside of a synctest bubble, where
// a bolt that waits for time costs none; package topologytest runs whole
// topologies.
package bolttest

import (
	"context"
	"log/slog"
	"sync"
	"testing"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/internal/engine"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/topology"
)

// Run gives the inputs to one task of a bolt and returns what it emitted on its
// main stream, in the order of its emits. Every input must be acked: one that
// fails, or is dropped silently in a held input until the timeout of 30 s, fails
// the test.
func Run[I, O any, B bolt.Bolt[I, O]](t testing.TB, newBolt func() B, inputs ...I) []O {
	t.Helper()
	got, failures := Outcomes(t, newBolt, inputs...)
	for i := range inputs {
		if why, failed := failures[i]; failed {
			t.Errorf("bolttest: input %d failed: %v", i, why)
		}
	}
	return got
}

// Outcomes is [Run] for inputs that may fail: it also returns the failures, by the
// index of their input. What a failed input emitted is among the values. A Tick or a
// Drained that fails is no input's failure, and fails the test.
func Outcomes[I, O any, B bolt.Bolt[I, O]](t testing.TB, newBolt func() B, inputs ...I) ([]O, map[int]spout.Failure) {
	t.Helper()
	src := &source[I]{inputs: inputs, failures: map[int]spout.Failure{}}
	var got []O
	b := topology.New("bolttest")
	in := topology.Spout(b, "inputs", func() *source[I] { return src })
	out := topology.Bolt(in.By(grouping.Global), "bolt", newBolt)
	topology.Bolt(out.By(grouping.Global), "outputs", bolt.Sink(func(_ context.Context, v O) error {
		got = append(got, v)
		return nil
	}))
	topo, err := b.Build()
	if err != nil {
		t.Fatalf("bolttest: %v", err)
	}
	faults := new(engine.Faults)
	if err := run(topo, faults); err != nil {
		t.Fatalf("bolttest: %v", err)
	}
	if err := faults.Calls(); err != nil {
		t.Errorf("bolttest: %v", err)
	}
	return got, src.failures
}

// run is cluster.Run that also notes the faults.
func run(topo *topology.Topology, faults *engine.Faults) error {
	r, err := engine.Start(context.Background(), topo.Nodes(), engine.Options{
		Topology: topo.Name(), Log: slog.New(slog.DiscardHandler), Grace: cluster.DefaultGrace, Faults: faults,
	})
	if err != nil {
		return err
	}
	return r.Wait()
}

// A source emits the inputs, each as the root of a tree.
type source[I any] struct {
	inputs []I

	mu       sync.Mutex // guards failures
	failures map[int]spout.Failure
}

// Run implements spout.Spout.
func (s *source[I]) Run(_ context.Context, out *spout.Emitter[I]) error {
	for i, v := range s.inputs {
		if !out.EmitID(v, uint64(i)) {
			break
		}
	}
	return nil
}

// Ack implements spout.Tracker.
func (s *source[I]) Ack(uint64) {}

// Fail implements spout.Tracker.
func (s *source[I]) Fail(id uint64, why spout.Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures[int(id)] = why
}

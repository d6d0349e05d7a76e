package reference

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/waterspout/waterspout/benchmarks/internal/harness"
	"github.com/waterspout/waterspout/internal/tweets"
)

func TestMain(m *testing.M) {
	harness.Register("broker", Broker)
	if harness.IsChild() {
		os.Exit(harness.Serve())
	}
	os.Exit(m.Run())
}

func newBench(t *testing.T) *Bench {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	b, err := NewBench(t.Context(), c.ListenAddrs())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b *Bench) spec(t *testing.T, contender, in string, n uint64) Spec {
	t.Helper()
	out, err := b.Topic(t.Context(), "out")
	if err != nil {
		t.Fatal(err)
	}
	return Spec{
		Contender: contender, Brokers: b.Addrs, In: in, Out: out, Group: out, Records: n,
		Tasks: Tasks{Spouts: 2, Decoders: 2, Encoders: 2, Writers: 1},
	}
}

func TestContendersDoTheJob(t *testing.T) {
	const n = 200_000
	b := newBench(t)
	in, err := b.Fill(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	for _, contender := range []string{"acked", "unacked", "protocol", "protocol/2", "protocol/5", "franz", "franz/buffered", "handwritten", "handwritten/defaults", "handwritten/five", "handwritten/linger1"} {
		s := b.spec(t, contender, in, n)
		usage, err := Drain(t.Context(), s)
		if err != nil {
			t.Fatalf("%s: %v", contender, err)
		}
		if usage.Count == 0 || usage.Count > n || usage.CPU <= 0 {
			t.Errorf("%s: %+v", contender, usage)
		}
		if err := b.Check(t.Context(), s); err != nil {
			t.Errorf("%s: %v", contender, err)
		}
	}
	if _, err := Drain(t.Context(), b.spec(t, "storm", in, n)); err == nil {
		t.Error("an unknown contender is no error")
	}
}

// A check must see a record that is missing, and a commit that is not at the end.
func TestCheckSees(t *testing.T) {
	b := newBench(t)
	in, err := b.Fill(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	s := b.spec(t, "handwritten", in, 1000)
	if err := b.broker.Fill(t.Context(), s.Out, tweets.New(1).Records(0, 999)); err != nil {
		t.Fatal(err)
	}
	if err := b.Check(t.Context(), s); err == nil || !strings.Contains(err.Error(), "missing 1, duplicates 0") {
		t.Errorf("one record less: %v", err)
	}
	if err := b.broker.Fill(t.Context(), s.Out, tweets.New(1).Records(999, 1000)); err != nil {
		t.Fatal(err)
	}
	if err := b.Check(t.Context(), s); err == nil || !strings.Contains(err.Error(), "commits") {
		t.Errorf("no commit: %v", err)
	}
}

func TestSteadyLoad(t *testing.T) {
	b := newBench(t)
	for _, contender := range []string{"acked", "handwritten"} {
		in, err := b.Topic(t.Context(), "in")
		if err != nil {
			t.Fatal(err)
		}
		const rate, seconds = 2000, 2.
		s := b.spec(t, contender, in, rate*seconds)
		if _, err := Start(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		if _, err := Mark(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		l, err := Load(t.Context(), Steady{Brokers: b.Addrs, In: in, Out: s.Out, Rate: rate, Seconds: seconds, Warm: 1})
		if err != nil {
			t.Fatal(err)
		}
		if l.P50 <= 0 || l.P50 > l.P99 || l.P99 > l.P999 || l.P999 > l.Max {
			t.Errorf("%s: %+v", contender, l)
		}
		usage, err := Stop(t.Context(), struct{}{})
		if err != nil || usage.Count == 0 {
			t.Errorf("%s: %+v, %v", contender, usage, err)
		}
		if err := b.Check(t.Context(), s); err != nil {
			t.Errorf("%s: %v", contender, err)
		}
	}
}

func TestNumber(t *testing.T) {
	for _, size := range []int{0, 100, 1000, 10_000} {
		n := 0
		for value := range Values(0, 300, size) {
			if got, err := number(value); err != nil || got != n || !tweets.Valid(value) || size > 0 && len(value) != size {
				t.Fatalf("tweet %d of %d bytes is %d of %d, %v", n, size, got, len(value), err)
			}
			n++
		}
	}
	for _, bad := range [][]byte{nil, {}, {200}, {6, 'a'}} {
		if _, err := number(bad); err == nil {
			t.Errorf("%v is a number", bad)
		}
	}
}

// A job that stalls or ends is an error, not a wait for ever.
func TestAwaitEnds(t *testing.T) {
	j := &stuck{done: 5, ended: make(chan struct{})}
	written := func() (uint64, error) { return j.done, nil }
	if got, err := Await(written, j.ended, 5); err != nil || got != 5 {
		t.Errorf("%d, %v", got, err)
	}
	close(j.ended)
	if _, err := Await(written, j.ended, 6); err == nil || !strings.Contains(err.Error(), "after 5 of 6") {
		t.Errorf("error: %v", err)
	}
}

type stuck struct {
	done  uint64
	ended chan struct{}
}

func (s *stuck) written() uint64            { return s.done }
func (s *stuck) failed() <-chan struct{}    { return s.ended }
func (s *stuck) stop(context.Context) error { return errors.ErrUnsupported }

func TestBrokerChild(t *testing.T) {
	c, err := harness.Spawn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	addrs, err := harness.Call[[]string](c, "broker", struct{}{})
	if err != nil || len(addrs) != 1 {
		t.Fatalf("%v, %v", addrs, err)
	}
	b, err := NewBench(t.Context(), addrs)
	if err != nil {
		t.Fatal(err)
	}
	topic, err := b.Topic(t.Context(), "in")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Delete(t.Context(), topic); err != nil || slices.Contains(b.made, topic) {
		t.Errorf("%v, %v", err, b.made)
	}
	if err := errors.Join(b.Close(), c.Close()); err != nil {
		t.Error(err)
	}
}

package reference

import (
	"testing"
	"time"

	"github.com/waterspout/waterspout/internal/tweets"
)

func (b *Bench) batchSpec(t *testing.T, contender, in string, n uint64) Spec {
	s := b.spec(t, contender, in, n)
	s.Interval, s.Tasks = 50*time.Millisecond, Tasks{}
	return s
}

func TestBatchesDoTheJob(t *testing.T) {
	const n = 100_000 // more than a fast machine does between two looks
	b := newBench(t)
	in, err := b.Fill(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	for _, contender := range []string{"direct", "receivers"} {
		s := b.batchSpec(t, contender, in, n)
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
}

// awaitCommit waits until the group has committed n records.
func (b *Bench) awaitCommit(t *testing.T, s Spec, j job, n int64) {
	t.Helper()
	for {
		committed, err := b.broker.Committed(t.Context(), s.Group)
		if err != nil {
			t.Fatal(err)
		}
		if committed[s.In].Sum() == n {
			return
		}
		select {
		case <-j.failed():
			t.Fatal(j.stop(t.Context()))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// A poisoned record costs its task another attempt at all of its range; the attempts
// are counted.
func TestPoisonedBatches(t *testing.T) {
	const n, poisons = 10_000, 5
	b := newBench(t)
	in, err := b.Fill(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	for _, contender := range []string{"direct", "receivers"} {
		s := b.batchSpec(t, contender, in, n)
		s.Poison = n / poisons
		j, err := start(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		b.awaitCommit(t, s, j, n)
		if err := j.stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		v, err := tweets.Check{In: tweets.Data{Topic: s.In}, Out: tweets.Data{Topic: s.Out}}.Run(t.Context(), b.broker)
		if err != nil || v.Missing > 0 || v.Phantoms > 0 || uint64(v.Duplicates) != j.written()-n {
			t.Errorf("%s: %+v of %d written, %v", contender, v, j.written(), err)
		}
		if attempts := j.(*batches).progress().Attempts; attempts != j.written()+poisons {
			t.Errorf("%s: %d attempts, %d written", contender, attempts, j.written())
		}
		t.Logf("%s: %d attempts at %d records", contender, j.(*batches).progress().Attempts, n)
	}
}

package microbatch_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/benchmarks/microbatch"
)

// ticks is a receiver of one number every so often, which may die.
type ticks struct {
	every time.Duration
	dies  int // after so many; 0 is never
	each  int // numbers at once; 1 if 0
	next  int
	opens int
}

func (r *ticks) Open(context.Context) error {
	r.opens++
	return nil
}

func (r *ticks) Receive(ctx context.Context, store microbatch.Store[int]) error {
	ticker := time.NewTicker(r.every)
	defer ticker.Stop()
	for lived := 0; r.dies == 0 || lived < r.dies; lived++ {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
		var some []int
		for range max(r.each, 1) {
			some = append(some, r.next)
			r.next++
		}
		if !store(ctx, some) {
			return nil
		}
	}
	return errors.New("died")
}

func (r *ticks) Close() error { return nil }

// A seen is what an output operation was given.
type seen struct {
	mu      sync.Mutex
	batches [][]int // numbers, in order
	parts   []int   // partitions of each batch
	at      []time.Duration
	begin   time.Time
	work    time.Duration // of each batch
	log     strings.Builder
}

func (s *seen) look(rdd *microbatch.RDD[int]) error {
	s.mu.Lock()
	s.at = append(s.at, time.Since(s.begin).Round(time.Millisecond))
	s.mu.Unlock()
	time.Sleep(s.work)
	var mu sync.Mutex
	var got []int
	err := rdd.ForeachPartition(func(_ *microbatch.Task, records iter.Seq[int]) error {
		part := slices.Collect(records)
		mu.Lock()
		defer mu.Unlock()
		got = append(got, part...)
		return nil
	})
	slices.Sort(got)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.batches, s.parts = append(s.batches, got), append(s.parts, rdd.Partitions())
	return err
}

func (s *seen) numbers() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(slices.Concat(s.batches...))
}

// virtual runs a context on what a receiver brings, in virtual time.
func virtual(t *testing.T, interval time.Duration, r *ticks, o microbatch.ReceiverOptions, s *seen, then func(*testing.T, *microbatch.StreamingContext)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ssc := microbatch.NewStreamingContext(microbatch.Conf{Log: slog.New(slog.NewTextHandler(&s.log, nil))}, interval)
		microbatch.ReceiverStream(ssc, r, o).ForeachRDD(s.look)
		s.begin = time.Now()
		check(t, ssc.Start(t.Context()))
		then(t, ssc)
		check(t, ssc.Stop(t.Context(), false))
	})
}

// A batch of 2 s has 10 partitions: a block each 200 ms.
func TestBlocksBecomePartitions(t *testing.T) {
	var s seen
	virtual(t, 2*time.Second, &ticks{every: 60 * time.Millisecond}, microbatch.ReceiverOptions{}, &s, func(*testing.T, *microbatch.StreamingContext) {
		time.Sleep(7 * time.Second)
		synctest.Wait()
	})
	if !slices.Equal(s.parts, []int{10, 10, 10}) {
		t.Errorf("partitions %v, want 10 each", s.parts)
	}
	if want := []time.Duration{2 * time.Second, 4 * time.Second, 6 * time.Second}; !slices.Equal(s.at, want) {
		t.Errorf("batches at %v, want %v", s.at, want)
	}
}

// No block without records, no partition without a block.
func TestEmptyBatch(t *testing.T) {
	var s seen
	virtual(t, time.Second, &ticks{every: time.Hour}, microbatch.ReceiverOptions{}, &s, func(*testing.T, *microbatch.StreamingContext) {
		time.Sleep(2500 * time.Millisecond)
		synctest.Wait()
	})
	if !slices.Equal(s.parts, []int{0, 0}) {
		t.Errorf("partitions %v", s.parts)
	}
}

// Batches that take longer than the interval queue, and follow without a pause.
func TestBatchesQueue(t *testing.T) {
	s := seen{work: 2500 * time.Millisecond}
	virtual(t, time.Second, &ticks{every: 100 * time.Millisecond}, microbatch.ReceiverOptions{}, &s, func(t *testing.T, ssc *microbatch.StreamingContext) {
		time.Sleep(9 * time.Second)
		synctest.Wait()
		if got := ssc.Status(); got.Queued < 4 || got.Queued > 6 || got.Completed != 3 || got.Waiting < 50 {
			t.Errorf("status %+v", got)
		}
	})
	if want := []time.Duration{1000 * time.Millisecond, 3500 * time.Millisecond, 6000 * time.Millisecond, 8500 * time.Millisecond}; !slices.Equal(s.at, want) {
		t.Errorf("batches at %v, want %v", s.at, want)
	}
}

// Stopped gracefully, a context processes all that was received; at once, it does not.
func TestStopGracefully(t *testing.T) {
	for _, gracefully := range []bool{true, false} {
		var s seen
		r := &ticks{every: 10 * time.Millisecond}
		virtual(t, time.Second, r, microbatch.ReceiverOptions{}, &s, func(t *testing.T, ssc *microbatch.StreamingContext) {
			time.Sleep(1555 * time.Millisecond)
			synctest.Wait()
			check(t, ssc.Stop(t.Context(), gracefully))
		})
		if got := s.numbers(); r.next != 155 || gracefully != (got == 155) {
			t.Errorf("gracefully %v: %d of %d processed", gracefully, got, r.next)
		}
	}
}

// A receiver that dies is not restarted, unless asked for; batches go on, empty, and
// nobody hears of it.
func TestDeadReceiver(t *testing.T) {
	for _, restart := range []bool{false, true} {
		var s seen
		r := &ticks{every: 100 * time.Millisecond, dies: 10}
		virtual(t, time.Second, r, microbatch.ReceiverOptions{Restart: restart}, &s, func(t *testing.T, ssc *microbatch.StreamingContext) {
			time.Sleep(8500 * time.Millisecond)
			synctest.Wait()
			if got := ssc.Status(); got.Completed != 8 {
				t.Errorf("restart %v: %d batches, want 8", restart, got.Completed)
			}
		})
		// A life is of 1 s, and 2 s pass until the next: there are three in 8 s.
		if got := s.numbers(); !restart && (got != 10 || r.opens != 1 || s.log.Len() > 0) || restart && (got < 25 || r.opens != 3 || s.log.Len() == 0) {
			t.Errorf("restart %v: %d processed, %d opens", restart, got, r.opens)
		}
	}
}

// Without a rate limit a backlog is in the memory as soon as it can be read.
func TestRateLimit(t *testing.T) {
	for rate, want := range map[int]int{0: 10_000, 200: 900} {
		s := seen{work: time.Hour} // processing is far behind
		virtual(t, time.Second, &ticks{every: time.Millisecond, each: 10_000, dies: 1}, microbatch.ReceiverOptions{MaxRate: rate}, &s, func(t *testing.T, ssc *microbatch.StreamingContext) {
			time.Sleep(4500 * time.Millisecond)
			synctest.Wait()
			if got := ssc.Status().Waiting; got < want-50 || got > want+50 {
				t.Errorf("rate %d: %d wait, want about %d", rate, got, want)
			}
		})
	}
}

// A panic of the user's function is the failure of its task, not of the process.
func TestPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ssc := microbatch.NewStreamingContext(microbatch.Conf{Log: silent, MaxFailures: 2}, time.Second)
		in := microbatch.ReceiverStream(ssc, &ticks{every: 300 * time.Millisecond}, microbatch.ReceiverOptions{})
		attempts := ssc.Accumulator("attempts")
		microbatch.Filter(in, func(int) bool {
			attempts.Add(1)
			panic("on purpose")
		}).ForeachRDD(func(rdd *microbatch.RDD[int]) error {
			return rdd.ForeachPartition(func(_ *microbatch.Task, records iter.Seq[int]) error {
				for range records {
				}
				return nil
			})
		})
		check(t, ssc.Start(t.Context()))
		err := ssc.AwaitTermination(t.Context())
		if err == nil || !strings.Contains(err.Error(), "failed 2 times: panic: on purpose") || attempts.Value() < 2 {
			t.Errorf("after %d attempts: %v", attempts.Value(), err)
		}
	})
}

// Await gives up without harm.
func TestAwaitTerminationEndsWithItsContext(t *testing.T) {
	var s seen
	virtual(t, time.Second, &ticks{every: time.Second}, microbatch.ReceiverOptions{}, &s, func(t *testing.T, ssc *microbatch.StreamingContext) {
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		if err := ssc.AwaitTermination(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got := ssc.Status().Completed; got != 2 {
			t.Errorf("%d batches", got)
		}
	})
}

// What Map, Filter, FlatMap, Union and Repartition make of the numbers of two
// receivers.
func TestStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ssc := microbatch.NewStreamingContext(microbatch.Conf{Log: silent}, time.Second)
		a := microbatch.ReceiverStream(ssc, &ticks{every: 90 * time.Millisecond, dies: 10}, microbatch.ReceiverOptions{})
		b := microbatch.ReceiverStream(ssc, &ticks{every: 90 * time.Millisecond, dies: 10}, microbatch.ReceiverOptions{})
		even := microbatch.Filter(microbatch.Union(a, b), func(n int) bool { return n%2 == 0 })
		twice := microbatch.FlatMap(even, func(n int) iter.Seq[int] { return slices.Values([]int{n, n}) })
		words := microbatch.Map(microbatch.Repartition(twice, 3), func(n int) (string, error) { return fmt.Sprint("n", n), nil })
		var mu sync.Mutex
		count, sizes := map[string]int{}, []int{}
		words.ForeachRDD(func(rdd *microbatch.RDD[string]) error {
			if rdd.Partitions() != 3 {
				t.Errorf("%d partitions", rdd.Partitions())
			}
			return rdd.ForeachPartition(func(_ *microbatch.Task, records iter.Seq[string]) error {
				mu.Lock()
				defer mu.Unlock()
				n := 0
				for w := range records {
					n++
					count[w]++
				}
				sizes = append(sizes, n)
				return nil
			})
		})
		check(t, ssc.Start(t.Context()))
		time.Sleep(950 * time.Millisecond)
		check(t, ssc.Stop(t.Context(), true))
		if want := map[string]int{"n0": 4, "n2": 4, "n4": 4, "n6": 4, "n8": 4}; fmt.Sprint(count) != fmt.Sprint(want) {
			t.Errorf("got %v, want %v", count, want)
		}
		if len(sizes) != 3 || slices.Max(sizes)-slices.Min(sizes) > 6 {
			t.Errorf("partitions of %v records", sizes)
		}
	})
}

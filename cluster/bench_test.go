package cluster_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/topology"
	"github.com/waterspout/waterspout/tuple"
)

var quiet = cluster.Local{Log: slog.New(slog.DiscardHandler)}

const line = "the quick brown fox jumps over the lazy dog again"

type splitter struct{}

// Execute cuts without an iterator, so that the engine is measured and not the
// standard library.
func (splitter) Execute(_ context.Context, s string, out *bolt.Collector[string]) error {
	for len(s) > 0 {
		i := strings.IndexByte(s, ' ')
		if i < 0 {
			i = len(s)
		}
		out.Emit(s[:i])
		s = s[min(i+1, len(s)):]
	}
	return nil
}

type counter map[string]int

func (c counter) Execute(_ context.Context, word string, _ *bolt.Collector[bolt.None]) error {
	c[word]++
	return nil
}

// BenchmarkWordCount counts the words of b.N lines of ten words: eleven
// executed tuples a line.
func BenchmarkWordCount(b *testing.B) {
	for _, tracked := range []bool{false, true} {
		for _, tasks := range []int{1, 2, 4, 16} {
			b.Run(fmt.Sprintf("acked=%t/tasks=%d", tracked, tasks), func(b *testing.B) {
				b.ReportAllocs()
				lines := func(ctx context.Context, out *spout.Emitter[string]) error {
					for i := range b.N {
						if tracked && !out.EmitID(line, uint64(i)) || !tracked && !out.Emit(line) {
							break
						}
					}
					return nil
				}
				t := topology.New("words")
				s := topology.Spout(t, "lines", spout.Of(lines))
				w := topology.Bolt(s.By(grouping.Shuffle), "split", func() splitter { return splitter{} }, topology.Parallelism(tasks))
				topology.Bolt(w.By(grouping.Value), "count", func() counter { return counter{} }, topology.Parallelism(tasks))
				topo := topology.Must(t.Build())
				if err := cluster.Run(context.Background(), topo, quiet); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(b.N)*11/b.Elapsed().Seconds()/1e6, "Mtuples/s")
			})
		}
	}
}

// BenchmarkEmit is the cost of what a spout emits, with a bolt that does nothing.
func BenchmarkEmit(b *testing.B) {
	for name, run := range map[string]func(n int, out *spout.Emitter[int]){
		"Emit": func(n int, out *spout.Emitter[int]) {
			for i := 0; i < n && out.Emit(i); i++ {
			}
		},
		"EmitID": func(n int, out *spout.Emitter[int]) {
			for i := 0; i < n && out.EmitID(i, uint64(i)); i++ {
			}
		},
		"EmitEach": func(n int, out *spout.Emitter[int]) {
			for at := 0; at < n; {
				k := out.EmitEach(min(500, n-at), func(i int, v *int) (uint64, bool) { *v = i; return uint64(at + i), true })
				if k == 0 {
					return
				}
				at += k
			}
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			t := topology.New("emit")
			s := topology.Spout(t, "ints", spout.Of(func(_ context.Context, out *spout.Emitter[int]) error { run(b.N, out); return nil }))
			topology.Bolt(s.By(grouping.Shuffle), "end", bolt.Sink(func(context.Context, int) error { return nil }))
			topo := topology.Must(t.Build())
			before := cpu()
			if err := cluster.Run(context.Background(), topo, quiet); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric((cpu()-before).Seconds()*1e9/float64(b.N), "cpu-ns/op")
		})
	}
}

// record has the size of a Kafka record.
type record struct {
	value []byte
	_     [11]int64
}

// BenchmarkHops moves b.N records through three bolts that do nothing: the cost
// of a job that is the engine's.
func BenchmarkHops(b *testing.B) {
	pass := bolt.Of(func(_ context.Context, r record, out *bolt.Collector[record]) error {
		out.Emit(r)
		return nil
	})
	end := bolt.Sink(func(context.Context, record) error { return nil })
	for _, tracked := range []bool{false, true} {
		for _, tasks := range []int{2, 20} {
			b.Run(fmt.Sprintf("acked=%t/tasks=%d", tracked, tasks), func(b *testing.B) {
				b.ReportAllocs()
				each := b.N / 5
				records := func(_ context.Context, out *spout.Emitter[record]) error {
					v := make([]byte, 117)
					for i := range each {
						r := record{value: v}
						if tracked && !out.EmitID(r, uint64(i)) || !tracked && !out.Emit(r) {
							break
						}
					}
					return nil
				}
				t := topology.New("hops")
				s := topology.Spout(t, "read", spout.Of(records), topology.Parallelism(5))
				s = topology.Bolt(s.By(grouping.Shuffle), "decode", pass, topology.Parallelism(tasks))
				s = topology.Bolt(s.By(grouping.Shuffle), "encode", pass, topology.Parallelism(tasks))
				topology.Bolt(s.By(grouping.Shuffle), "write", end, topology.Parallelism(2))
				topo := topology.Must(t.Build())
				before := cpu()
				if err := cluster.Run(context.Background(), topo, quiet); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric((cpu()-before).Seconds()*1e6/float64(b.N), "cpu-s/M")
			})
		}
	}
}

// cpu is the time that this process has spent on processors.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// hoarder holds its inputs and lets another goroutine ack them, 256 at a time
// with up to 16,384 open, as a writer does.
type hoarder struct {
	batch []bolt.Held
	queue chan []bolt.Held
	done  chan struct{}
}

func newHoarder() *hoarder {
	h := &hoarder{queue: make(chan []bolt.Held, 63), done: make(chan struct{})}
	go func() {
		defer close(h.done)
		for batch := range h.queue {
			tuple.AckAll(batch)
		}
	}()
	return h
}

func (h *hoarder) Execute(_ context.Context, _ int, out *bolt.Collector[bolt.None]) error {
	h.batch = append(h.batch, out.Hold())
	if len(h.batch) == 256 {
		h.queue <- h.batch
		h.batch = make([]bolt.Held, 0, 256)
	}
	return nil
}

func (h *hoarder) Drained(context.Context, *bolt.Collector[bolt.None]) error {
	if len(h.batch) > 0 {
		h.queue <- h.batch
		h.batch = nil
	}
	return nil
}

func (h *hoarder) Close() error {
	close(h.queue)
	<-h.done
	return nil
}

// BenchmarkHold is the cost of an input that is held and acked elsewhere.
func BenchmarkHold(b *testing.B) {
	t := topology.New("hold")
	ints := func(_ context.Context, out *spout.Emitter[int]) error {
		for i := range b.N {
			if !out.EmitID(i, uint64(i)) {
				break
			}
		}
		return nil
	}
	s := topology.Spout(t, "ints", spout.Of(ints), topology.MaxPending(32768))
	topology.Bolt(s.By(grouping.Shuffle), "hold", newHoarder)
	topo := topology.Must(t.Build())
	before := cpu()
	if err := cluster.Run(context.Background(), topo, quiet); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric((cpu()-before).Seconds()*1e6/float64(b.N), "cpu-s/M")
}

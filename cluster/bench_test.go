package cluster_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/topology"
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

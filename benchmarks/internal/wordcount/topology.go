package wordcount

import (
	"context"
	"log/slog"
	"os"
	"sync"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/topology"
)

func acked(ctx context.Context, text []string, n, tasks int) ([]counts, error) {
	return run(ctx, text, n, tasks)
}

func unacked(ctx context.Context, text []string, n, tasks int) ([]counts, error) {
	return run(ctx, text, n, tasks, topology.Untracked())
}

// run counts n lines with the topology.
func run(ctx context.Context, text []string, n, tasks int, opts ...topology.SpoutOption) ([]counts, error) {
	lines := func(_ context.Context, out *spout.Emitter[string]) error {
		for i := range n {
			if !out.EmitID(text[i%len(text)], uint64(i)) {
				break
			}
		}
		return nil
	}
	var results book
	b := topology.New("words")
	source := topology.Spout(b, "lines", spout.Of(lines), opts...)
	words := topology.Bolt(source.By(grouping.Shuffle), "split", bolt.Of(split), topology.Parallelism(tasks))
	topology.Bolt(words.By(grouping.Value), "count", results.counter, topology.Parallelism(tasks))
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	err := cluster.Run(ctx, topology.Must(b.Build()), cluster.Local{Log: log})
	return results.all, err
}

func split(_ context.Context, line string, out *bolt.Collector[string]) error {
	for len(line) > 0 {
		var word string
		word, line = cut(line)
		out.Emit(word)
	}
	return nil
}

// Execute counts a word.
func (c counts) Execute(_ context.Context, word string, _ *bolt.Collector[bolt.None]) error {
	c[word]++
	return nil
}

// A book has the counts of all tasks.
type book struct {
	mu  sync.Mutex // tasks are made from any goroutine
	all []counts
}

func (b *book) counter() counts {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := counts{}
	b.all = append(b.all, c)
	return c
}

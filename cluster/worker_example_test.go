package cluster_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/topology"
	"github.com/waterspout/waterspout/transport/inproc"
)

// Two workers share the tasks of one topology. Here they are in one process; between
// machines Net is natsnet.Net{URL: "tls://host:4222"}, and each process runs this
// function once.
func ExampleWorker() {
	net := inproc.New()
	var mu sync.Mutex
	counts := map[string]int{}

	work := func(name string) error {
		b := topology.New("wordcount")
		lines := topology.Spout(b, "lines", spout.Replay(spout.FromSlice([]string{
			"to be or not to be", "that is the question",
		}), spout.Retry{}, nil))
		words := topology.Bolt(lines.By(grouping.Shuffle), "split", bolt.FlatMap(strings.FieldsSeq), topology.Parallelism(2))
		topology.Bolt(words.By(grouping.Value), "count", bolt.Sink(func(_ context.Context, word string) error {
			mu.Lock()
			defer mu.Unlock()
			counts[word]++
			return nil
		}), topology.Parallelism(2))
		topo, err := b.Build()
		if err != nil {
			return err
		}
		return cluster.Run(context.Background(), topo, cluster.Worker{Net: net, Name: name, Log: slog.New(slog.DiscardHandler)})
	}

	var workers sync.WaitGroup
	for _, name := range []string{"a", "b"} {
		workers.Go(func() {
			if err := work(name); err != nil {
				log.Print(err)
			}
		})
	}
	workers.Wait()
	for _, word := range slices.Sorted(maps.Keys(counts)) {
		fmt.Println(word, counts[word])
	}
	// Output:
	// be 2
	// is 1
	// not 1
	// or 1
	// question 1
	// that 1
	// the 1
	// to 2
}

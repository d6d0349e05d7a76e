// Wordcount counts the words of two lines: the smallest topology that has
// everything, a spout, two bolts and two groupings.
package main

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/topology"
)

type count map[string]int

func (c count) Execute(_ context.Context, word string, _ *bolt.Collector[bolt.None]) error {
	c[word]++
	fmt.Println(word, c[word])
	return nil
}

func main() {
	b := topology.New("words")
	lines := topology.Spout(b, "lines", spout.FromSlice([]string{"to be or not", "to be"}))
	words := topology.Bolt(lines.By(grouping.Shuffle), "split", bolt.FlatMap(strings.FieldsSeq), topology.Parallelism(4))
	topology.Bolt(words.By(grouping.Value), "count", func() count { return count{} }, topology.Parallelism(2))
	if err := cluster.Run(context.Background(), topology.Must(b.Build()), cluster.Local{}); err != nil {
		log.Fatal(err)
	}
}

package topology_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/topology"
)

func words() *topology.Topology {
	b := topology.New("words")
	lines := topology.Spout(b, "lines", spout.FromSlice([]string{"to be or not", "to be"}))
	words := topology.Bolt(lines.By(grouping.Shuffle), "split", bolt.FlatMap(strings.FieldsSeq), topology.Parallelism(4))
	count := bolt.Sink(func(_ context.Context, word string) error { return nil })
	topology.Bolt(topology.Merge(words.By(grouping.Value), lines.By(grouping.Global)), "count", count, topology.Parallelism(2))
	return topology.Must(b.Build())
}

func ExampleTopology_String() {
	fmt.Print(words())
	// Output:
	// topology words
	//   spout lines x1
	//   bolt split x4 <- lines by Shuffle
	//   bolt count x2 <- split by Value, lines by Global
}

func ExampleTopology_Dot() {
	fmt.Print(words().Dot())
	// Output:
	// digraph "words" {
	// 	rankdir=LR
	// 	"lines" [shape=house label="lines\nx1"]
	// 	"split" [shape=box label="split\nx4"]
	// 	"lines" -> "split" [label="Shuffle"]
	// 	"count" [shape=box label="count\nx2"]
	// 	"split" -> "count" [label="Value"]
	// 	"lines" -> "count" [label="Global"]
	// }
}

func ExampleBuilder_Build() {
	b := topology.New("words")
	lines := topology.Spout(b, "lines", spout.FromSlice([]string{"a"}), topology.Parallelism(0))
	topology.Bolt(lines.By(grouping.Shuffle), "no spaces", bolt.FlatMap(strings.FieldsSeq))
	_, err := b.Build()
	fmt.Println(err)
	// Output:
	// topology: lines: parallelism is 0; it must be 1 to 16384
	// topology: no spaces: component name "no spaces" must be 1 to 64 of A-Z a-z 0-9 _ -
}

package main

import (
	"context"
	"fmt"
	"log"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/topology"
)

// What Union is for in Spark Streaming, a distinct count over several input streams,
// is one bolt that reads both; see the example of microbatch.Union.
func Example_distinct() {
	b := topology.New("users")
	one := topology.Spout(b, "one", spout.FromSlice([]string{"alice", "bob", "alice"}))
	other := topology.Spout(b, "other", spout.FromSlice([]string{"carol", "alice"}))
	distinct := map[string]bool{} // one task has it
	topology.Bolt(topology.Merge(one.By(grouping.Global), other.By(grouping.Global)), "distinct",
		bolt.Sink(func(_ context.Context, name string) error {
			distinct[name] = true
			return nil
		}))
	if err := cluster.Run(context.Background(), topology.Must(b.Build()), cluster.Local{}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(distinct), "distinct users")
	// Output: 3 distinct users
}

// Package waterspout is the front page of the module: Storm's model of stream
// processing as Go packages. A topology is a graph of spouts, which are sources,
// and bolts, which are steps. Every tuple that a spout emits with an id roots a
// tree of the tuples derived from it; the tree is tracked with one 64-bit word,
// and when part of it fails only that tuple is replayed.
//
// This is the smallest topology that has everything, a spout, two bolts and two
// groupings. It counts words:
//
//	type count map[string]int
//
//	func (c count) Execute(_ context.Context, word string, _ *bolt.Collector[bolt.None]) error {
//		c[word]++
//		fmt.Println(word, c[word])
//		return nil
//	}
//
//	func main() {
//		b := topology.New("words")
//		lines := topology.Spout(b, "lines", spout.FromSlice([]string{"to be or not", "to be"}))
//		words := topology.Bolt(lines.By(grouping.Shuffle), "split", bolt.FlatMap(strings.FieldsSeq), topology.Parallelism(4))
//		topology.Bolt(words.By(grouping.Value), "count", func() count { return count{} }, topology.Parallelism(2))
//		if err := cluster.Run(context.Background(), topology.Must(b.Build()), cluster.Local{}); err != nil {
//			log.Fatal(err)
//		}
//	}
//
// Streams are typed: a bolt that reads a stream of another type does not compile,
// and neither does a cycle, since a stream must exist before it is read. The type
// arguments are inferred.
//
// Where to read on:
//
//   - [github.com/waterspout/waterspout/topology] declares components and streams
//   - [github.com/waterspout/waterspout/spout] is what a source implements
//   - [github.com/waterspout/waterspout/bolt] is what a step implements: outcomes,
//     held inputs, ticks, side streams
//   - [github.com/waterspout/waterspout/grouping] decides which task a tuple goes to
//   - [github.com/waterspout/waterspout/cluster] runs a topology
//   - [github.com/waterspout/waterspout/kafka] and
//     [github.com/waterspout/waterspout/avro] connect it to the world
//   - [github.com/waterspout/waterspout/acker] is the ledger of open trees, for
//     readers who want to know how the tracking works
//
// The invariant of it all: a spout is told of each tree exactly once, that it is
// done when every tuple of it was acked, or else that it failed and why; so a
// source that replays what failed loses nothing. docs/protocol.md has the rules
// that keep this, by the ids that comments in the code name.
//
// The package itself has no code.
package waterspout

// Benchmarks measures Waterspout against itself and against what one would write
// by hand.
//
//	go run ./benchmarks NAME [flags]
//
// NAME is one of reference, workers, peers, wordcount, models and hops; -h after it
// lists its flags. Results go to
// standard output, progress to standard error. README.md beside this file has
// the figures and what limits them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/waterspout/waterspout/benchmarks/internal/harness"
)

// A benchmark is run by its name. It parses args.
type benchmark struct {
	name, about string
	run         func(ctx context.Context, args []string) error
}

var benchmarks = []benchmark{
	{"reference", "the Kafka job: acked, unacked, and loops by hand on sarama, on franz-go and on the client that both engines share", runReference},
	{"workers", "the Kafka job in one process, and shared by two workers over NATS", runWorkers},
	{"peers", "the same beside Apache Storm and Apache Spark, on Apache Kafka; wants Java 17 and Maven", runPeers},
	{"wordcount", "word count in memory: acked, unacked, and by hand with channels", runWordcount},
	{"models", "the Kafka job as a topology and as micro-batches, through load, faults and growth", runModels},
	{"hops", "hops and acking alone, in the shape of the Kafka job", runHops},
}

func main() {
	if harness.IsChild() {
		os.Exit(harness.Serve())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "benchmarks:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		for _, b := range benchmarks {
			if b.name == args[0] {
				return b.run(ctx, args[1:])
			}
		}
	}
	fmt.Fprintln(os.Stderr, "usage: go run ./benchmarks NAME [flags]; NAME is one of")
	for _, b := range benchmarks {
		fmt.Fprintf(os.Stderr, "  %-10s %s\n", b.name, b.about)
	}
	switch {
	case len(args) == 0:
		return errors.New("no name")
	case slices.Contains([]string{"-h", "-help", "--help"}, args[0]):
		return flag.ErrHelp
	}
	return fmt.Errorf("no benchmark %q", args[0])
}

// Tweets is the reference job: it reads Avro tweets from a Kafka topic, decodes
// them, encodes them again, and writes them to a second topic, with every record
// tracked until the broker has it.
//
// Without flags it needs nothing but itself: it starts a Kafka in its own
// process, fills a topic with a million tweets, runs the topology until the
// consumer group has committed all of them, compares both topics record by
// record, and exits with 0 only if nothing is missing and nothing is there
// twice.
//
//	go run ./examples/tweets -n 10000
//	go run ./examples/tweets -workers 3 -kill 3s
//	go run ./examples/tweets -brokers localhost:9092 -follow
//	go run ./examples/tweets -brokers localhost:9092 -nats nats://localhost:4222 -follow
//
// With -workers the job runs in processes of its own, which share its tasks over a
// NATS in the parent; with -kill one after the other of them is killed. The last line
// is what runs in production, on as many hosts as one likes.
//
// The topology is in job.go.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
)

func main() {
	// Most of the memory is the embedded Kafka's: with Go's own setting the
	// heap would be collected too often at first and be too large at the end.
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(1 << 30)
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program; it returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "tweets:", err)
		return 2
	}
	alive, end := context.WithCancel(context.Background())
	defer end()
	ctx, stop := signal.NotifyContext(alive, os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the second signal ends the program at once
	if o.child {
		go obey(os.Stdin, end) // ends with the process
	}
	if o.stats {
		err = showStats(ctx, o, stdout)
	} else {
		err = perform(ctx, o, stdout, stderr)
	}
	if err != nil {
		fmt.Fprintln(stderr, "tweets:", strings.ReplaceAll(err.Error(), "\n", "; "))
		return 1
	}
	return 0
}

// perform runs the job, and says what came of it.
func perform(ctx context.Context, o options, stdout, stderr io.Writer) (err error) {
	shown := newProgress(stderr, o.quiet || o.child)
	var s summary
	t := newTrial(o, shown, &s)
	if o.follow {
		err = t.follow(ctx)
	} else {
		err = t.run(ctx)
	}
	s.print(stdout)
	if o.json {
		s.printJSON(stdout)
	}
	return err
}

// Package workers is the Kafka job run by worker processes: the acked topology of
// internal/reference in one process, or shared by several over NATS.
//
// The invariant: both are measured alike. The parent looks at the workers' counts
// through their pipes, and the figures are of the time from the first tenth of the
// records to the last; how long the workers needed to find each other is told
// apart, and the CPU seconds are the sum of what each worker process saw of itself.
//
//	workers.Register()                              // in every process
//	url, err := harness.Call[string](nats, "nats", dir)
//	run, err := workers.Job{Spec: spec, Processes: 2, Kafka: brokers, NATS: nats}.Drain(ctx)
//
// A Job belongs to the parent, on one goroutine.
package workers

import (
	"context"

	"github.com/waterspout/waterspout/benchmarks/internal/harness"
	"github.com/waterspout/waterspout/benchmarks/internal/reference"
	"github.com/waterspout/waterspout/transport/natsserver"
)

// Register names what children serve: "nats", and the calls of a worker.
func Register() {
	harness.Register("nats", NATS)
	harness.Register("worker.start", reference.Start)
	harness.Register("worker.look", reference.Look)
	harness.Register("worker.mark", reference.Mark)
	harness.Register("worker.stop", reference.Stop)
}

// NATS starts a server in this process, which keeps its files in dir, and returns
// its URL. It ends with the process.
func NATS(_ context.Context, dir string) (string, error) {
	s, err := natsserver.Start(natsserver.Options{Dir: dir})
	if err != nil {
		return "", err
	}
	return s.URL(), nil
}

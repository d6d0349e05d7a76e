package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/waterspout/waterspout/benchmarks/internal/models"
	"github.com/waterspout/waterspout/benchmarks/internal/peers"
	"github.com/waterspout/waterspout/internal/realkafka"
)

// checkpointed is when a query in Spark's Real-time Mode has its first checkpoint, in
// seconds: one that was killed before it does not start again.
const checkpointed = 7

func runPeers(ctx context.Context, args []string) (err error) {
	c := newComparison("peers")
	if err := c.parse(args); err != nil {
		return err
	}
	p, err := c.plan()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "waterspout-peers-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	others, err := peers.Engines(ctx, dir)
	if err != nil {
		return err
	}
	k, stop, err := c.real(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = closed(ctx, err, stop()) }()
	l := c.ours().Beside(others)
	if c.only == "" {
		p.Experiments = slices.DeleteFunc(slices.Clone(p.Experiments), func(x string) bool { return !slices.Contains(models.Besides, x) })
	}
	p.Bisections = 1 // of many engines
	p = p.Compiled().FaultAfter(checkpointed)
	theirs, err := peers.Programs()
	if err != nil {
		return err
	}
	return c.measure(ctx, k, p, l, append(programs(), theirs...))
}

// real is a broker of Apache Kafka with its data in dir, or the one that the flags
// name.
func (c *comparison) real(ctx context.Context, dir string) (models.Kafka, func() error, error) {
	if c.brokers != "" {
		return c.embedded(ctx)
	}
	fmt.Fprintln(c.progress(), "starting Apache Kafka")
	b, err := realkafka.Start(ctx, dir)
	if err != nil {
		return models.Kafka{}, nil, err
	}
	return models.Kafka{Addrs: b.Addrs(), Pid: b.Pid(), About: "Apache Kafka, one node"}, b.Close, nil
}

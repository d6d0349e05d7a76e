package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/transport/natsnet"
)

// jobName is the topology's.
const jobName = "tweets"

var errNoStats = errors.New("no worker of this job has reported to this NATS")

// readStats asks for the stats of all versions of the job, the newest first.
func readStats(ctx context.Context, net natsnet.Net) ([]cluster.Stats, error) {
	net.Log = slog.New(slog.DiscardHandler) // the error says it
	within, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	all, err := cluster.ReadStats(within, net, jobName)
	if err == nil && len(all) == 0 {
		err = errNoStats
	}
	return all, err
}

// showStats is -stats: a table for each version of the job, and with -json the
// lines after them.
func showStats(ctx context.Context, o options, w io.Writer) error {
	all, err := readStats(ctx, o.net(nil)) // some may have been read
	for i, stats := range all {
		if i > 0 {
			fmt.Fprintln(w)
		}
		s := ofCluster(stats)
		s.printCluster(w)
		s.printTable(w)
		s.printCounters(w)
	}
	if o.json {
		for _, stats := range all {
			s := ofCluster(stats)
			s.printJSON(w)
		}
	}
	return err
}

func ofCluster(stats cluster.Stats) summary {
	return summary{stats: &stats, seconds: stats.Uptime.Seconds(), workers: len(stats.Workers), fingerprint: stats.Fingerprint}
}

// printCluster prints who works.
func (s *summary) printCluster(w io.Writer) {
	fmt.Fprintf(w, "%s %s, %d workers, %v\n", s.stats.Topology, s.stats.Fingerprint, s.workers, s.stats.Uptime.Round(time.Second))
	for _, worker := range slices.Sorted(slices.Values(s.stats.Workers)) {
		fmt.Fprintf(w, "  %s\n", worker)
	}
}

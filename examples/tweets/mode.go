package main

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/nats-io/nats.go"

	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/transport/natsnet"
)

// mode is where the job runs: in this process, or shared with others.
func (o *options) mode(log *slog.Logger) cluster.Mode {
	if o.nats == "" {
		return cluster.Local{Log: log}
	}
	return cluster.Worker{Net: o.net(log), Name: o.name, Log: log}
}

// net is what joins the workers.
func (o *options) net(log *slog.Logger) natsnet.Net {
	n := natsnet.Net{URL: o.nats, Insecure: o.insecure, Log: log}
	if o.creds != "" {
		n.Options = append(n.Options, nats.UserCredentials(o.creds))
	}
	return n
}

// checkMode reports flags that contradict each other.
func (o *options) checkMode() error {
	switch {
	case o.workers < 0:
		return fmt.Errorf("-workers %d: want a number of processes", o.workers)
	case o.kill < 0:
		return fmt.Errorf("-kill %v: want the time from one kill to the next", o.kill)
	case o.kill > 0 && o.workers == 0:
		return errors.New("-kill needs -workers: it kills one of those")
	case o.workers > 0 && o.nats != "":
		return errors.New("-workers starts a NATS of its own: leave out -nats, or start each worker with -nats and -follow")
	case o.workers > 0 && o.follow:
		return errors.New("-workers ends with its input: to follow one, start each worker with -nats and -follow")
	case o.stats && o.follow:
		return errors.New("-stats looks and exits, -follow works: choose one")
	case o.nats != "" && !o.follow && !o.stats:
		return errors.New("-nats needs -follow, to be a worker, or -stats, to look at the workers")
	case o.nats == "" && (o.stats || o.insecure || o.creds != "" || o.name != ""):
		return errors.New("-stats, -insecure, -creds and -name need -nats")
	}
	return nil
}

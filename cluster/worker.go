package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/waterspout/waterspout/internal/engine"
	"github.com/waterspout/waterspout/internal/worker"
	"github.com/waterspout/waterspout/topology"
	"github.com/waterspout/waterspout/transport"
)

// Worker runs a topology together with all other processes that run the same one on
// the same Net: they find each other, share out the tasks, and stay in balance as
// workers come and go. Workers are the same if their topologies have one
// [topology.Topology.Fingerprint]; two topologies of different shape are two clusters
// beside each other that never exchange a tuple. It does not cover code: new bolts of the
// same shape join the workers that run the old ones, unless their topology has another
// name. Who starts the processes is up to you.
//
// Every stream needs a codec (see [topology.Topology.Portable]). The end of the
// context makes the worker leave: its tasks are handed over to the others, and if all
// leave, the topology drains. A worker that dies is noticed after three seconds; the
// trees that were open are replayed.
//
// A spout task that moves goes on where it was if the spout keeps its place outside,
// as Kafka's does. One that does not, such as spout.FromSlice, begins anew, and all
// it had emitted comes again.
type Worker struct {
	Net  transport.Net // required: natsnet.Net, or inproc.New() for tests
	Name string        // for people; the host's name if empty

	Log *slog.Logger // slog.Default() if nil

	// Grace bounds how long leaving, and any task's move, may take; 8 s if
	// zero, and never negative. User code is left behind as with Local.
	Grace time.Duration
}

func (w Worker) start(ctx context.Context, t *topology.Topology) (*Running, error) {
	if w.Net == nil {
		return nil, errors.New("cluster: Worker needs a Net, such as natsnet.Net{URL: url}")
	}
	if err := t.Portable(); err != nil {
		return nil, err
	}
	name, err := w.name()
	if err != nil {
		return nil, err
	}
	grace, err := grace(w.Grace)
	if err != nil {
		return nil, err
	}
	fingerprint, err := fingerprint(t, logger(w.Log))
	if err != nil {
		return nil, err
	}
	counted := func(id string, s *engine.Site, counters map[string]int64) report {
		return newReport(id, t.Name(), fingerprint, s.Uptime(), s.Tasks(), counters)
	}
	run, err := worker.Start(ctx, worker.Config{
		Topology: t.Name(), Fingerprint: fingerprint, Nodes: t.Nodes(),
		Net: w.Net, Name: name, Log: logger(w.Log), Grace: grace,
		Report: func(id string, s *engine.Site, counters map[string]int64) []byte {
			return counted(id, s, counters).encode()
		},
	})
	if err != nil {
		return nil, err
	}
	return &Running{run, func() report { return counted(run.ID(), run.Site(), run.Counters()) }}, nil
}

// name is w's name in letters that a subject may have.
func (w Worker) name() (string, error) {
	name := w.Name
	if name == "" {
		host, err := os.Hostname()
		if err != nil {
			return "", fmt.Errorf("cluster: the host has no name, and Worker.Name is empty: %w", err)
		}
		name = host
	}
	clean := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, name)
	return clean[:min(len(clean), 40)], nil
}

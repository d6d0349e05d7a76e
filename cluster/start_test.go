package cluster_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/topology"
	"github.com/waterspout/waterspout/transport/inproc"
)

// TestStartRefuses: what cannot run is one line, and nothing begins.
func TestStartRefuses(t *testing.T) {
	topo := chain(newBook(1), sinkOf(func(int) error { return nil }))
	for _, c := range []struct {
		topo *topology.Topology
		mode cluster.Mode
		want string
	}{
		{nil, quiet, "the topology is nil or empty"},
		{&topology.Topology{}, cluster.Worker{Net: inproc.New()}, "the topology is nil or empty"},
		{topo, nil, "the Mode is nil"},
		{topo, cluster.Local{Grace: -time.Second}, "the grace is -1s"},
		{topo, cluster.Worker{Net: inproc.New(), Grace: -1}, "the grace is -1ns"},
	} {
		if err := cluster.Run(t.Context(), c.topo, c.mode); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("Run: %v, want %s", err, c.want)
		}
	}
	if _, err := cluster.ReadStats(t.Context(), nil, "test"); err == nil || !strings.Contains(err.Error(), "needs a Net") {
		t.Errorf("ReadStats: %v", err)
	}
}

// TestDeadlineBeforeTheBegin: that a topology never ran is an error, unless somebody
// asked for it.
func TestDeadlineBeforeTheBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := inproc.New()
		net.Down()
		for what, run := range map[string]func(context.Context) error{
			"no net": func(ctx context.Context) error {
				return cluster.Run(ctx, chain(newBook(1), sinkOf(func(int) error { return nil })), cluster.Worker{Net: net, Name: "w", Log: quiet.Log})
			},
			"slow Open": func(ctx context.Context) error {
				return cluster.Run(ctx, chain(newBook(1), func() slowOpen { return slowOpen{} }), quiet)
			},
		} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			if err := run(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "had not begun") {
				t.Errorf("%s: %v, want that the deadline has passed", what, err)
			}
			cancel()
			ctx, stop := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Minute, func() { stop(errors.New("a signal")) })
			if err := run(ctx); err != nil {
				t.Errorf("%s: %v, when asked to stop", what, err)
			}
		}
	})
}

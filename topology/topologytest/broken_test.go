package topologytest_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/topology"
	"github.com/waterspout/waterspout/topology/topologytest"
)

// A ticking bolt takes all inputs. What it does by time is its tick.
type ticking struct {
	tick func(out *bolt.Collector[string]) error
}

func (b ticking) Execute(context.Context, string, *bolt.Collector[string]) error { return nil }
func (b ticking) Every() time.Duration                                           { return time.Second }
func (b ticking) Tick(_ context.Context, out *bolt.Collector[string]) error      { return b.tick(out) }

// A stuck bolt cannot send on what it collected.
type stuck struct{}

func (stuck) Execute(context.Context, string, *bolt.Collector[string]) error { return nil }
func (stuck) Drained(context.Context, *bolt.Collector[string]) error         { return errors.New("no disk") }

func refuse(context.Context, string, *bolt.Collector[string]) error { return errors.New("no") }

// work is a topology of newBolt, and of a bolt behind it that fails all it gets.
func work[B bolt.Bolt[string, string]](newBolt func() B, opts ...topology.SpoutOption) *topology.Topology {
	b := topology.New("job")
	lines := topology.Spout(b, "read", spout.Of(never), opts...)
	worked := topology.Bolt(lines.By(grouping.Shuffle), "work", newBolt)
	topology.Bolt(worked.By(grouping.Shuffle), "last", bolt.Of(refuse))
	return topology.Must(b.Build())
}

func ticks(tick func(out *bolt.Collector[string]) error) *topology.Topology {
	return work(func() ticking { return ticking{tick} })
}

func emits(out *bolt.Collector[string]) error {
	out.Emit("a")
	return nil
}

// broken are topologies with a fault each, and what is to be said of it.
var broken = map[string]struct {
	topo func() *topology.Topology
	want string
}{
	"tick panics": {func() *topology.Topology {
		return ticks(func(*bolt.Collector[string]) error { panic("no map") })
	}, "Tick of work/0 failed"},
	"drained fails": {func() *topology.Topology {
		return work(func() stuck { return stuck{} })
	}, "Drained of work/0 failed"},
	"untracked":     {func() *topology.Topology { return work(bolt.Of(refuse), topology.Untracked()) }, "record 0 of read failed"},
	"behind a tick": {func() *topology.Topology { return ticks(emits) }, "a tuple without a tree failed"},
}

// TestBrokenBoltsAreFound runs this test binary once more for each broken topology, and
// wants the test to fail there.
func TestBrokenBoltsAreFound(t *testing.T) {
	if fault := os.Getenv("TOPOLOGYTEST_FAULT"); fault != "" {
		topologytest.Run(t, broken[fault].topo(), topologytest.Feed("read", "a"))
		return
	}
	for fault, b := range broken {
		t.Run(fault, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestBrokenBoltsAreFound$")
			cmd.Env = append(os.Environ(), "TOPOLOGYTEST_FAULT="+fault)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), b.want) {
				t.Errorf("%v, want %q:\n%s", err, b.want, out)
			}
		})
	}
}

// TestMayFailIsOfOrphans: who says that trees may fail does not care for tuples in none.
func TestMayFailIsOfOrphans(t *testing.T) {
	topologytest.Run(t, ticks(emits), topologytest.Feed("read", "a").MayFail())
}

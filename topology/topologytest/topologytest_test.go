package topologytest_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/topology"
	"github.com/waterspout/waterspout/topology/topologytest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var bad = bolt.NewSide[string]("bad")

func never(context.Context, *spout.Emitter[string]) error { panic("the real source was run") }

func parse(_ context.Context, s string, out *bolt.Collector[int]) error {
	n, err := strconv.Atoi(s)
	switch {
	case s == "hold":
		out.Hold()
	case s == "reject":
		return bolt.Reject(errors.New("rejected"))
	case err != nil:
		bad.Emit(out, s)
	default:
		out.Emit(n)
	}
	return nil
}

func job() *topology.Topology {
	b := topology.New("job")
	lines := topology.Spout(b, "read", spout.Of(never), topology.Parallelism(5))
	words := topology.Bolt(lines.By(grouping.Shuffle), "split", bolt.FlatMap(strings.FieldsSeq), topology.Parallelism(3))
	topology.Bolt(words.By(grouping.Shuffle), "parse", bolt.Of(parse))
	return topology.Must(b.Build())
}

// What a Storm user knows as completeTopology.
func TestJob(t *testing.T) {
	topo := job()
	for range 2 { // the topology itself does not change
		words, numbers := topologytest.Capture[string]("split"), topologytest.Capture[int]("parse")
		lines := topologytest.Capture[string]("read")
		topologytest.Run(t, topo, topologytest.Feed("read", "1 2 x", "3"), words, numbers, lines)
		got := slices.Sorted(slices.Values(words.Values()))
		if !slices.Equal(got, []string{"1", "2", "3", "x"}) {
			t.Errorf("words %v", got)
		}
		if got := slices.Sorted(slices.Values(numbers.Values())); !slices.Equal(got, []int{1, 2, 3}) {
			t.Errorf("numbers %v", got)
		}
		if got := lines.Values(); !slices.Equal(got, []string{"1 2 x", "3"}) {
			t.Errorf("lines %v", got)
		}
	}
}

func TestFailuresAreTold(t *testing.T) {
	feed := topologytest.Feed("read", "1", "reject", "hold").MayFail()
	numbers := topologytest.Capture[int]("parse")
	topologytest.Run(t, job(), feed, numbers)
	f := feed.Failures()
	if len(f) != 2 || f[1].Kind.String() != "rejected" || f[2].Kind.String() != "timeout" || len(numbers.Values()) != 1 {
		t.Errorf("failures %v, numbers %v", f, numbers.Values())
	}
}

func TestSideThatSomebodyDeclared(t *testing.T) {
	b := topology.New("job")
	lines := topology.Spout(b, "read", spout.Of(never))
	numbers := topology.Bolt(lines.By(grouping.Shuffle), "parse", bolt.Of(parse))
	topology.Side(numbers, bad) // nobody reads it but the test
	rest := topologytest.CaptureSide[string]("parse", "bad")
	topologytest.Run(t, topology.Must(b.Build()), topologytest.Feed("read", "1", "x"), rest)
	if got := rest.Values(); !slices.Equal(got, []string{"x"}) {
		t.Errorf("bad %v", got)
	}
}

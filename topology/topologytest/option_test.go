package topologytest

import (
	"strings"
	"testing"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/internal/engine"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/topology"
)

func TestMistakesAreErrors(t *testing.T) {
	b := topology.New("job")
	lines := topology.Spout(b, "read", spout.FromSlice([]string{"a"}))
	topology.Bolt(lines.By(grouping.Shuffle), "split", bolt.FlatMap(strings.FieldsSeq))
	topo := topology.Must(b.Build())
	for _, c := range []struct {
		o    Option
		want string
	}{
		{Feed("read", 1), "cannot feed spout read: it emits string, not int"},
		{Feed("split", "a"), "there is no spout split"},
		{Feed("rea", "a"), "there is no spout rea"},
		{Capture[int]("split"), "cannot capture split: it is a stream of string, not of int"},
		{CaptureSide[string]("split", "bad"), "there is no stream split.bad"},
	} {
		err := c.o.apply(&plan{nodes: append([]*engine.Node(nil), topo.Nodes()...), fed: map[string]bool{}})
		if err == nil || err.Error() != c.want {
			t.Errorf("error %v, want %s", err, c.want)
		}
	}
}

package topology

import (
	"context"
	"testing"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/internal/frame"
	"github.com/waterspout/waterspout/spout"
)

// TestFingerprintCoversTheWire: workers that would drop each other's frames are of two
// clusters, whatever they declare.
func TestFingerprintCoversTheWire(t *testing.T) {
	b := New("t")
	s := Spout(b, "read", spout.FromSlice([]int{1}))
	Bolt(s.By(grouping.Shuffle), "sink", bolt.Sink(func(context.Context, int) error { return nil }))
	topo := Must(b.Build())
	want := topo.Fingerprint()
	if now := topo.fingerprint(frame.Version); now != want {
		t.Errorf("the fingerprint is %s, not %s of this version of the frames", want, now)
	}
	if next := topo.fingerprint(frame.Version + 1); next == want {
		t.Error("another version of the frames has the same fingerprint")
	}
}

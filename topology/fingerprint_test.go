package topology

import (
	"context"
	"testing"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/codec"
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

func TestLabelOfClosures(t *testing.T) {
	for name, want := range map[string]string{
		"example.org/x/main.byLength.func1":          "byLength",
		"main.init.func1.byLength.3":                 "byLength",
		"example.org/grouping.Fields[...].func1":     "Fields",
		"example.org/grouping.Shuffle[...]":          "Shuffle",
		"example.org/v2/part.(*keys).choose.func2.1": "choose",
		"main.funcs": "funcs",
	} {
		if got := labelOf(name); got != want {
			t.Errorf("%s is told as %q, want %q", name, got, want)
		}
	}
}

// plainText and backwards are codecs without a name.
type plainText struct{}

func (plainText) Append(dst []byte, v string) ([]byte, error) { return append(dst, v...), nil }
func (plainText) Decode(src []byte, v *string) error          { *v = string(src); return nil }

type backwards struct{ plainText }

func TestFingerprintCoversFormats(t *testing.T) {
	type was struct{ Cents int }
	type is struct {
		Cents int `json:"cents"`
	}
	if codec.JSON[was]().(codec.Named).Name() == codec.JSON[is]().(codec.Named).Name() {
		t.Error("JSON of other fields has the same name")
	}
	print := func(c codec.Codec[string]) string {
		d := New("test")
		s := Spout(d, "src", spout.FromSlice([]string{})).Codec(c)
		Bolt(s.By(grouping.Shuffle), "end", bolt.Sink(func(context.Context, string) error { return nil }))
		return Must(d.Build()).Fingerprint()
	}
	if print(plainText{}) == print(backwards{}) {
		t.Error("codecs without a name have one fingerprint")
	}
}

package codec_test

import (
	"testing"

	"github.com/waterspout/waterspout/codec"
	"github.com/waterspout/waterspout/codec/codectest"
)

type (
	tree  map[string]tree
	nest  []nest
	twist *[1]twist
	grove struct {
		Trees []tree
		Nest  nest
	}
)

// TestNameOfWhatHoldsItself holds for all kinds of types that can: JSON takes them, and
// a worker asks for the name.
func TestNameOfWhatHoldsItself(t *testing.T) {
	for want, c := range map[string]any{
		"json map string codec_test.tree":             codec.JSON[tree](),
		"json slice codec_test.nest":                  codec.JSON[nest](),
		"json ptr array codec_test.twist":             codec.JSON[twist](),
		"json slice map string slice codec_test.nest": codec.JSON[[]map[string]nest](),
	} {
		if got := c.(codec.Named).Name(); got != want {
			t.Errorf("Name() = %q, want %q", got, want)
		}
	}
	leaf := tree{"a": {"b": nil}, "c": {}}
	codectest.Run(t, codec.JSON[grove](), grove{}, grove{[]tree{leaf, nil}, nest{{}, {nil, {}}}})
}

package transport_test

import (
	"strings"
	"testing"

	"github.com/waterspout/waterspout/transport"
)

func TestNames(t *testing.T) {
	long := strings.Repeat("x", 128)
	for _, test := range []struct {
		s         string
		name, key bool
	}{
		{"a", true, true}, {"A_z-09", true, true}, {"-", true, true}, {long, true, true},
		{"a.b", false, true}, {"lease.w-1.x", false, true},
		{"", false, false}, {long + "x", false, false}, {".", false, false}, {".a", false, false}, {"a.", false, false},
		{"a..b", false, false}, {"*", false, false}, {">", false, false}, {"a b", false, false}, {"a/b", false, false},
		{"a\r\n", false, false}, {"a\x00", false, false}, {"ä", false, false}, {"@", false, false}, {"`", false, false}, {"[", false, false}, {"{", false, false},
	} {
		if err := transport.CheckName(test.s); (err == nil) != test.name {
			t.Errorf("name %q: %v", test.s, err)
		}
		if err := transport.CheckKey(test.s); (err == nil) != test.key {
			t.Errorf("key %q: %v", test.s, err)
		}
	}
}

func TestFrames(t *testing.T) {
	if err := transport.CheckFrame("a", transport.Control, transport.MaxFrame); err != nil {
		t.Error(err)
	}
	for what, err := range map[string]error{
		"a lane":  transport.CheckFrame("a", transport.Lanes, 0),
		"a size":  transport.CheckFrame("a", transport.Data, transport.MaxFrame+1),
		"a place": transport.CheckFrame("a.b", transport.Data, 0),
	} {
		if err == nil || !strings.HasPrefix(err.Error(), "transport: ") {
			t.Errorf("%s that cannot be: %v", what, err)
		}
	}
}

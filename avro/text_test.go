package avro_test

import (
	"math/big"
	"strings"
	"testing"

	"github.com/waterspout/waterspout/avro"
	"github.com/waterspout/waterspout/codec/codectest"
)

// masked only writes a text of its own, lower only reads one, and plain writes one that
// hamba does not find.
type (
	masked string
	lower  string
	plain  string
	named  string
)

func (masked) MarshalText() ([]byte, error) { return []byte("***"), nil }

func (l *lower) UnmarshalText(b []byte) error {
	*l = lower(strings.ToLower(string(b)))
	return nil
}

func (p *plain) MarshalText() ([]byte, error) { return []byte("plain:" + string(*p)), nil }
func (p *plain) UnmarshalText(b []byte) error {
	*p = plain(strings.TrimPrefix(string(b), "plain:"))
	return nil
}

func (n named) MarshalText() ([]byte, error) { return []byte("named:" + string(n)), nil }
func (n *named) UnmarshalText(b []byte) error {
	*n = named(strings.TrimPrefix(string(b), "named:"))
	return nil
}

// TestTextBothWays: what hamba would write by one rule and read by another comes back as
// another value, without an error.
func TestTextBothWays(t *testing.T) {
	const text, symbol = `"string"`, `{"type":"enum","name":"e","symbols":["a","b"]}`
	const want = "it needs UnmarshalText, and MarshalText of the value itself"
	for name, err := range map[string]error{
		"masked":        refused[masked](text)(),
		"lower":         refused[lower](text)(),
		"*lower":        refused[*lower](text)(),
		"*lower, enum":  refused[*lower](symbol)(),
		"plain":         refused[plain](text)(),
		"big.Int":       refused[big.Int](text)(),
		"[]plain":       refused[[]plain](`{"type":"array","items":"string"}`)(),
		"*plain, union": refused[*plain](`["null","string"]`)(),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", name, err, want)
		}
	}
	p := plain("x")
	codectest.Run(t, avro.Must(avro.New[named](text)), "", "x")
	codectest.Run(t, avro.Must(avro.New[*plain](text)), &p)
	codectest.Run(t, avro.Must(avro.New[lower](symbol)), "a", "b") // a symbol is no text of its own
}

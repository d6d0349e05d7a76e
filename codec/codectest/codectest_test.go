package codectest_test

import (
	"bytes"
	"errors"
	"math"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/waterspout/waterspout/codec"
	"github.com/waterspout/waterspout/codec/codectest"
)

// funcs is a codec of two functions.
type funcs struct {
	append func([]byte, []byte) ([]byte, error)
	decode func([]byte, *[]byte) error
}

func (f funcs) Append(dst, v []byte) ([]byte, error) { return f.append(dst, v) }
func (f funcs) Decode(src []byte, v *[]byte) error   { return f.decode(src, v) }

var (
	good  = funcs{plain, cloned}
	_     = codec.Codec[[]byte](good)
	calls byte
	pool  struct { // of one buffer
		sync.Mutex
		buf []byte
	}
)

func plain(dst, v []byte) ([]byte, error) { return append(append(dst, byte(len(v))), v...), nil }

func cloned(src []byte, v *[]byte) error {
	if len(src) == 0 || int(src[0]) != len(src)-1 {
		return errors.New("wrong length")
	}
	*v = bytes.Clone(src[1:])
	return nil
}

// broken are codecs with one fault each, by the subtest that must find it.
var broken = map[string]funcs{
	"RoundTrip": {plain, func(src []byte, v *[]byte) error {
		*v = bytes.ToUpper(src[min(1, len(src)):])
		return nil
	}},
	"AppendKeepsDst": {func(_, v []byte) ([]byte, error) { return plain(nil, v) }, cloned},
	"DecodeKeepsNoSrc": {plain, func(src []byte, v *[]byte) error {
		err := cloned(src, v)
		if err == nil {
			*v = src[1:]
		}
		return err
	}},
	"AppendKeepsValue": {func(dst, v []byte) ([]byte, error) {
		slices.SortFunc(v, func(a, b byte) int { return int(b) - int(a) })
		return plain(dst, v)
	}, cloned},
	"DecodeKeepsOthers": {plain, func(src []byte, v *[]byte) error {
		var own []byte
		if err := cloned(src, &own); err != nil {
			return err
		}
		pool.Lock()
		defer pool.Unlock()
		pool.buf = append(pool.buf[:0], own...)
		*v = pool.buf
		return nil
	}},
	"Deterministic": {func(dst, v []byte) ([]byte, error) {
		calls++
		return append(append(append(dst, byte(len(v))), v...), calls), nil
	}, func(src []byte, v *[]byte) error { return cloned(src[:max(len(src)-1, 0)], v) }},
	"Damage": {plain, func(src []byte, v *[]byte) error {
		*v = bytes.Clone(src[1 : 1+src[0]])
		return nil
	}},
	"Trailing": {plain, func(src []byte, v *[]byte) error {
		if len(src) > 3 && int(src[0]) < len(src) {
			src = src[:1+src[0]]
		}
		return cloned(src, v)
	}},
}

func TestGoodCodecPasses(t *testing.T) {
	codectest.Run(t, good, []byte{}, []byte("abc"))
}

type celsius float64

// TestNaNEqualsNaN: the default codec keeps it, whatever its type.
func TestNaNEqualsNaN(t *testing.T) {
	codectest.Run(t, of[float64](t), math.NaN(), 1)
	codectest.Run(t, of[celsius](t), celsius(math.NaN()), 1)
	codectest.Run(t, of[complex128](t), complex(math.NaN(), 0), complex(math.Inf(1), math.NaN()), 1i)
	codectest.Run(t, of[[]complex64](t), []complex64{complex64(complex(0, math.NaN()))})
}

func of[T any](t *testing.T) codec.Codec[T] {
	c, err := codec.Of[T]()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestSuiteFinds runs this test binary once more for each broken codec and wants
// the right subtest to fail.
func TestSuiteFinds(t *testing.T) {
	if fault := os.Getenv("CODECTEST_FAULT"); fault != "" {
		codectest.Run(t, broken[fault], []byte{}, []byte("abc"))
		return
	}
	for fault := range broken {
		t.Run(fault, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSuiteFinds$")
			cmd.Env = append(os.Environ(), "CODECTEST_FAULT="+fault)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: TestSuiteFinds/"+fault) {
				t.Errorf("a broken codec passes %s: %v\n%s", fault, err, out)
			}
		})
	}
}

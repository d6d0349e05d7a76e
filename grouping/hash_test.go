package grouping

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

type word string

// The figures come from a second implementation of the hash, in another language.
// They must never change: see the comment in hash.go.
func TestHashIsFixed(t *testing.T) {
	for key, want := range map[string]uint64{
		"":           0x2547e3c0388c1154,
		"a":          0x275b606f1f9b79fe,
		"b":          0xd47802b8886d91a5,
		"word":       0xc8f6e7859d9ffcf5,
		"zerg.hydra": 0xdc07e6a95d0a147b,
		"12345678":   0xc3ed7a75b44409e9,
		"é":          0x721dbbb19f3767ee,
		"the quick brown fox jumps over the lazy dog": 0x66f11f466de7cd3,
	} {
		if got := hasher[string]()(key); got != want {
			t.Errorf("hash of %q is %#x, want %#x", key, got, want)
		}
		if got := hasher[word]()(word(key)); got != want {
			t.Errorf("hash of word %q is %#x, want %#x", key, got, want)
		}
		if got := sum([]byte(key)); got != want {
			t.Errorf("hash of bytes %q is %#x, want %#x", key, got, want)
		}
	}
	for key, want := range map[int64]uint64{
		0: 0, 1: 0x5692161d100b05e5, -1: 0xb4d055fcf2cbbd7b, 7: 0x12ae30237b17df14,
		1<<31 - 1: 0x7b313d2783d96d8c, -1 << 63: 0x25c26ea579cea98a,
	} {
		if got := hasher[int64]()(key); got != want {
			t.Errorf("hash of %d is %#x, want %#x", key, got, want)
		}
	}
}

type (
	id32 int32
	idU  uint32
)

func TestIntegersHashByValue(t *testing.T) {
	for _, v := range []int64{0, 1, 7, -1, -1 << 31, 1<<31 - 1} {
		want := hasher[int64]()(v)
		got := []uint64{hasher[int]()(int(v)), hasher[int32]()(int32(v)), hasher[id32]()(id32(v)), hasher[uint64]()(uint64(v))}
		if v >= 0 {
			got = append(got, hasher[uint32]()(uint32(v)), hasher[idU]()(idU(v)))
		}
		for i, g := range got {
			if g != want {
				t.Errorf("%d: hash %d is %#x, of int64 %#x", v, i, g, want)
			}
		}
	}
}

// Keys as programs have them must spread as well as random ones: chi-square against
// the even spread stays within about five standard deviations of its mean.
func TestKeysSpread(t *testing.T) {
	const keys = 60_000
	sets := map[string]func(i int) uint64{
		"counting":      func(i int) uint64 { return hasher[int]()(i) },
		"counting down": func(i int) uint64 { return hasher[int]()(-i) },
		"multiples":     func(i int) uint64 { return hasher[int64]()(int64(i) << 20) },
		"decimal":       func(i int) uint64 { return hasher[string]()(fmt.Sprint(i)) },
		"prefixed":      func(i int) uint64 { return hasher[string]()(fmt.Sprintf("customer-%08d", i)) },
		"padded":        func(i int) uint64 { return sum(strings.Repeat("x", 40) + fmt.Sprint(i)) },
		"zeros":         func(i int) uint64 { return sum(make([]byte, i)[:min(i, 2000)]) },
	}
	for name, hash := range sets {
		n := keys
		if name == "zeros" {
			n = 2000
		}
		for _, count := range []int{2, 3, 7, 8, 16, 20, 64, 100} {
			got := make([]int, count)
			for i := range n {
				got[place(hash(i), uint64(count))]++
			}
			mean, chi := float64(n)/float64(count), 0.0
			for _, g := range got {
				chi += (float64(g) - mean) * (float64(g) - mean) / mean
			}
			free := float64(count - 1)
			if limit := free + 7*math.Sqrt(free) + 8; chi > limit {
				t.Errorf("%s keys over %d tasks: chi-square %.1f, at most %.1f: %v", name, count, chi, limit, got)
			}
		}
	}
}

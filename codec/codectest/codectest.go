// Package codectest is the conformance suite of codecs.
//
// [Run] holds a codec to the contract of package codec with the values given:
//
//	func TestOrderCodec(t *testing.T) {
//		codectest.Run(t, orderCodec{}, Order{}, Order{ID: 7, Lines: lines})
//	}
//
// Give it values that use every part of the type: empty ones, large ones, nil
// and empty slices, as far as the codec tells them apart. Run calls the codec
// from several goroutines at once; run it with the race detector, too.
package codectest

import (
	"bytes"
	"sync"
	"testing"

	"github.com/waterspout/waterspout/codec"
)

// Run checks c with each of the values, as subtests of t: that Append does not
// change them, that values come back equal, that Append keeps what is in dst,
// that Decode keeps nothing of src and no memory of an earlier value, that equal values have equal encodings, that damaged bytes do not panic, and
// that all of it holds on many goroutines. A codec that refuses trailing bytes
// of one value must refuse them of all. Values are compared by go-cmp,
// unexported fields included, with their Equal methods where they have them; NaN
// equals NaN, in named types and in parts of complex numbers, too.
func Run[T any](t *testing.T, c codec.Codec[T], values ...T) {
	t.Helper()
	if len(values) == 0 {
		t.Fatal("codectest: no values to check the codec with")
	}
	s := suite[T]{c, values}
	t.Run("AppendKeepsValue", s.appendKeepsValue) // first: the other checks do not notice
	t.Run("RoundTrip", s.roundTrip)
	t.Run("AppendKeepsDst", s.appendKeepsDst)
	t.Run("DecodeKeepsNoSrc", s.decodeKeepsNoSrc)
	t.Run("DecodeKeepsOthers", s.decodeKeepsOthers)
	t.Run("Deterministic", s.deterministic)
	t.Run("Damage", s.damage)
	t.Run("Trailing", s.trailing)
	t.Run("Concurrent", s.concurrent)
}

type suite[T any] struct {
	codec  codec.Codec[T]
	values []T
}

func (s suite[T]) append(t *testing.T, dst []byte, v T) []byte {
	t.Helper()
	b, err := s.codec.Append(dst, v)
	if err != nil {
		t.Fatalf("Append(%+v): %v", v, err)
	}
	return b
}

func (s suite[T]) decode(t *testing.T, src []byte) (v T) {
	t.Helper()
	if err := s.codec.Decode(src, &v); err != nil {
		t.Fatalf("Decode(%x): %v", src, err)
	}
	return v
}

func (s suite[T]) appendKeepsValue(t *testing.T) {
	for _, v := range s.values {
		before := clone(v)
		s.append(t, nil, v)
		if d := diff(before, v); d != "" {
			t.Errorf("Append changed its value (-before +after):\n%s", d)
		}
	}
}

func (s suite[T]) roundTrip(t *testing.T) {
	for _, v := range s.values {
		if d := diff(v, s.decode(t, s.append(t, nil, v))); d != "" {
			t.Errorf("decoded value differs (-appended +decoded):\n%s", d)
		}
	}
}

func (s suite[T]) appendKeepsDst(t *testing.T) {
	for _, v := range s.values {
		alone := s.append(t, nil, v)
		for _, spare := range []int{0, 1, len(alone), 4096} {
			dst := append(make([]byte, 0, 5+spare), "first"...)
			b := s.append(t, dst, v)
			if want := "first" + string(alone); string(b) != want {
				t.Errorf("Append to %q with %d bytes of room = %q, want %q", dst, spare, b, want)
			}
		}
	}
}

func (s suite[T]) decodeKeepsNoSrc(t *testing.T) {
	for _, v := range s.values {
		src := s.append(t, nil, v)
		before := bytes.Clone(src)
		got := s.decode(t, src)
		if !bytes.Equal(src, before) {
			t.Errorf("Decode changed its source from %x to %x", before, src)
		}
		for i := range src {
			src[i] ^= 0xff
		}
		if d := diff(v, got); d != "" {
			t.Errorf("decoded value points into the bytes it came from (-before +after overwriting them):\n%s", d)
		}
	}
}

// decodeKeepsOthers decodes every value, and bytes of the same length, after each.
func (s suite[T]) decodeKeepsOthers(t *testing.T) {
	for _, v := range s.values {
		src := s.append(t, nil, v)
		got := s.decode(t, src)
		before := clone(got)
		for _, other := range s.values {
			s.decode(t, s.append(t, nil, other))
		}
		for n := range min(len(src), 512) {
			bad := bytes.Clone(src)
			bad[n] ^= 0x01
			s.survive(t, bad)
		}
		if d := diff(before, got); d != "" {
			t.Errorf("decoded value changed with a later Decode (-before +after):\n%s", d)
		}
	}
}

func (s suite[T]) deterministic(t *testing.T) {
	for _, v := range s.values {
		first := s.append(t, nil, v)
		for range 8 {
			if again := s.append(t, nil, v); !bytes.Equal(first, again) {
				t.Fatalf("one value has two encodings, %x and %x", first, again)
			}
		}
		if again := s.append(t, nil, s.decode(t, first)); !bytes.Equal(first, again) {
			t.Errorf("the decoded value's encoding is %x, want %x", again, first)
		}
	}
}

// damage only demands that nothing panics: bytes may mean another value.
func (s suite[T]) damage(t *testing.T) {
	for _, v := range s.values {
		src := s.append(t, nil, v)
		src = src[:min(len(src), 512)]
		for n := range src {
			s.survive(t, bytes.Clone(src[:n]))
			for _, flip := range []byte{0x01, 0x80, 0xff} {
				bad := bytes.Clone(src)
				bad[n] ^= flip
				s.survive(t, bad)
			}
		}
	}
}

func (s suite[T]) survive(t *testing.T, src []byte) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("Decode(%x) panics: %v", src, p)
		}
	}()
	var v T
	_ = s.codec.Decode(src, &v)
}

func (s suite[T]) trailing(t *testing.T) {
	var taken, refused []string
	for _, v := range s.values {
		for _, tail := range []string{"\x00", "\xff", "\x00\x00\x00"} {
			src := append(s.append(t, nil, v), tail...)
			var got T
			if s.codec.Decode(src, &got) == nil {
				taken = append(taken, string(src))
			} else {
				refused = append(refused, string(src))
			}
		}
	}
	if len(taken) > 0 && len(refused) > 0 {
		t.Errorf("trailing bytes are an error in %x, but not in %x", refused[0], taken[0])
	}
}

func (s suite[T]) concurrent(t *testing.T) {
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			var buf []byte
			for range 20 {
				for _, v := range s.values {
					var got T
					var err error
					if buf, err = s.codec.Append(buf[:0], v); err == nil {
						err = s.codec.Decode(buf, &got)
					}
					if err != nil {
						t.Errorf("on several goroutines: %v", err)
						return
					}
					if d := diff(v, got); d != "" {
						t.Errorf("on several goroutines (-appended +decoded):\n%s", d)
						return
					}
				}
			}
		})
	}
	wg.Wait()
}

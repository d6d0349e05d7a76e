package codec_test

import (
	"bytes"
	"errors"
	"math"
	"net/netip"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/waterspout/waterspout/codec"
	"github.com/waterspout/waterspout/codec/codectest"
)

type Word string

type Base struct{ ID int64 }

type inner struct {
	Name string
	Next *Base
}

// All has every kind of part.
type All struct {
	Base
	B    bool
	I    int
	I8   int8
	I16  int16
	I32  int32
	I64  int64
	U    uint
	U8   uint8
	U16  uint16
	U32  uint32
	U64  uint64
	F32  float32
	F64  float64
	C64  complex64
	C128 complex128
	S    string
	W    Word
	Raw  []byte
	Hash [4]byte
	T    time.Time
	D    time.Duration
	Pair [2]string
	Ins  []inner
	Ptr  *inner
	PP   **int16
	M    map[string]inner
	MK   map[[2]int8][]Word
	Addr netip.Addr
	None struct{}
	Nil  [3]struct{}
}

func newAll() All {
	n := int16(-300)
	p := &n
	return All{
		Base: Base{1}, B: true, I: -1, I8: -128, I16: math.MinInt16, I32: math.MinInt32, I64: math.MinInt64,
		U: math.MaxUint, U8: 255, U16: math.MaxUint16, U32: math.MaxUint32, U64: math.MaxUint64,
		F32: -1.5, F64: math.Inf(1), C64: complex(1, -2), C128: complex(3, 4), S: "żółw", W: "w",
		Raw: []byte{0, 1}, Hash: [4]byte{9, 8, 7, 6}, T: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC),
		D: time.Minute, Pair: [2]string{"a", ""}, Ins: []inner{{"x", &Base{2}}, {"", nil}},
		Ptr: &inner{Name: "p"}, PP: &p, M: map[string]inner{"k": {Name: "v"}, "l": {}, "": {}},
		MK:   map[[2]int8][]Word{{1, 2}: {"a", "b"}, {-1, 0}: nil},
		Addr: netip.MustParseAddr("192.0.2.7"),
	}
}

func TestConformance(t *testing.T) {
	t.Run("all", func(t *testing.T) { codectest.Run(t, of[All](t), All{}, newAll()) })
	t.Run("record", func(t *testing.T) {
		large := newRecord()
		large.Value = make([]byte, 10_000)
		large.Headers = []header{{"a", nil}, {"b", []byte{}}, {"c", []byte("d")}}
		large.Time = time.Unix(1, 2).In(time.FixedZone("", 3600))
		codectest.Run(t, of[record](t), record{}, newRecord(), large)
	})
	t.Run("none", func(t *testing.T) { codectest.Run(t, of[struct{}](t), struct{}{}) })
	t.Run("string", func(t *testing.T) { codectest.Run(t, of[string](t), "", "a", strings.Repeat("b", 5000)) })
	t.Run("bytes", func(t *testing.T) { codectest.Run(t, of[[]byte](t), nil, []byte{}, []byte("x")) })
	t.Run("float", func(t *testing.T) { codectest.Run(t, of[float64](t), 0, math.NaN(), math.Copysign(0, -1)) })
	t.Run("pointer", func(t *testing.T) { codectest.Run(t, of[*int](t), nil, new(int)) })
	t.Run("time", func(t *testing.T) {
		codectest.Run(t, of[time.Time](t), time.Time{}, time.Unix(math.MinInt32, 999_999_999).UTC(), time.Unix(0, 0))
	})
	t.Run("json", func(t *testing.T) { codectest.Run(t, codec.JSON[record](), record{}, newRecord()) })
}

// TestLayout holds the bytes, since workers of two builds must agree on them.
func TestLayout(t *testing.T) {
	check := func(name string, got []byte, err error, want string) {
		t.Helper()
		if err != nil || string(got) != want {
			t.Errorf("%s: %x, %v, want %x", name, got, err, want)
		}
	}
	b, err := of[int](t).Append(nil, -2)
	check("int", b, err, "\x03")
	b, err = of[uint16](t).Append(nil, 300)
	check("uint16", b, err, "\xac\x02")
	b, err = of[string](t).Append(nil, "ab")
	check("string", b, err, "\x02ab")
	b, err = of[[]byte](t).Append(nil, []byte("ab"))
	check("bytes", b, err, "\x03ab")
	b, err = of[[]string](t).Append(nil, nil)
	check("nil slice", b, err, "\x00")
	b, err = of[map[string]bool](t).Append(nil, map[string]bool{"b": true, "a": false})
	check("map", b, err, "\x03\x01a\x00\x01b\x01")
	b, err = of[*[2]byte](t).Append(nil, &[2]byte{7, 8})
	check("pointer to array", b, err, "\x01\x07\x08")
	b, err = of[float32](t).Append(nil, 1)
	check("float32", b, err, "\x00\x00\x80\x3f")
	b, err = of[time.Time](t).Append(nil, time.Unix(1, 2).UTC())
	check("time", b, err, "\x02\x02\x00")
	b, err = of[netip.Addr](t).Append(nil, netip.MustParseAddr("1.2.3.4"))
	check("binary", b, err, "\x04\x01\x02\x03\x04")
}

type Bad struct {
	ID  int
	Why error
}

type hidden struct {
	secret int //lint:ignore U1000 it is there to be refused
}

type list struct{ Next *list }

type padded struct {
	B byte
	E struct{}
}

func TestOfRefuses(t *testing.T) {
	const rest = " cannot travel between workers; name a codec with Stream.Codec"
	cases := []struct {
		err  error
		want string
	}{
		{refused[Bad](), "codec_test.Bad.Why: an error"},
		{refused[hidden](), "codec_test.hidden.secret: an unexported field"},
		{refused[struct{ A []map[string]any }](), "struct { A []map[string]interface {} }.A[][]: an interface"},
		{refused[func()](), "func(): a func"},
		{refused[chan int](), "chan int: a channel"},
		{refused[list](), "codec_test.list.Next: a recursive type"},
		{refused[[]struct{}](), "[]struct {}: a slice of elements that take no bytes"},
		{refused[map[struct{}]int](), "map[struct {}]int: a map whose keys take no bytes"},
		{refused[uintptr](), "uintptr: a uintptr"},
		{refused[map[any]int](), "map[interface {}]int[key]: an interface"},
	}
	for _, c := range cases {
		if want := "codec: " + c.want + rest; c.err == nil || c.err.Error() != want {
			t.Errorf("Of() = %v, want %s", c.err, want)
		}
	}
}

func refused[T any]() error {
	_, err := codec.Of[T]()
	return err
}

func TestSliceOfPaddedStructs(t *testing.T) {
	codectest.Run(t, of[[]padded](t), []padded{{B: 1}, {B: 2}, {B: 3}})
}

// Stamped has the methods of time.Time, which know nothing of Note.
type Stamped struct {
	time.Time
	Note string
}

func TestEmbeddedMarshalerLosesNothing(t *testing.T) {
	codectest.Run(t, of[Stamped](t), Stamped{time.Unix(7, 0).UTC(), "note"})
}

type pageLink struct {
	*url.URL
	Hits int
}

type maybeStamped struct {
	*time.Time
	Note string
}

// stampedTwice embeds a struct that embeds what marshals itself.
type stampedTwice struct {
	Stamped
	Count int
}

func TestEmbeddedPointerToMarshaler(t *testing.T) {
	now := time.Unix(7, 0).UTC()
	codectest.Run(t, of[maybeStamped](t), maybeStamped{}, maybeStamped{&now, "note"})
	codectest.Run(t, of[pageLink](t), pageLink{}, pageLink{&url.URL{Scheme: "https", Host: "example.org"}, 7})
	codectest.Run(t, of[stampedTwice](t), stampedTwice{Stamped{now, "note"}, 7})
}

// A sketch is large, and marshals itself to little.
type sketch [1 << 10]uint64

func (s sketch) MarshalBinary() ([]byte, error) { return []byte{byte(s[0])}, nil }

func (s *sketch) UnmarshalBinary(b []byte) error { *s = sketch{uint64(b[0])}; return nil }

// A slice of them grows as its elements come: a length may be nonsense.
func TestLengthsAreNotBelieved(t *testing.T) {
	c := of[[]sketch](t)
	many := make([]sketch, 100)
	for i := range many {
		many[i][0] = uint64(i)
	}
	for _, want := range [][]sketch{nil, {}, many} {
		b, err := c.Append(nil, want)
		var got []sketch
		if err = errors.Join(err, c.Decode(b, &got)); err != nil || !slices.Equal(got, want) || (got == nil) != (want == nil) {
			t.Errorf("%d came back as %d: %v", len(want), len(got), err)
		}
	}
	src := append([]byte{0xff, 0x7f}, bytes.Repeat([]byte{0xff}, 1<<14)...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var v []sketch
	err := c.Decode(src, &v)
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; err == nil || got > 1<<20 {
		t.Errorf("error %v, %d bytes of memory for %d", err, got, len(src))
	}
}

type moody struct{ B byte }

func (m moody) MarshalBinary() ([]byte, error) {
	switch m.B {
	case 1:
		return nil, errors.New("not today")
	case 2:
		panic("never")
	}
	return make([]byte, 200), nil
}

func (m *moody) UnmarshalBinary(b []byte) error {
	if len(b) != 200 {
		panic("hostile")
	}
	return nil
}

func TestOwnMarshaling(t *testing.T) {
	c := of[struct{ M moody }](t)
	for b, want := range map[byte]string{1: "M: not today", 2: "M: panic: never"} {
		got, err := c.Append([]byte("kept"), struct{ M moody }{moody{b}})
		if err == nil || !strings.HasSuffix(err.Error(), want) || !strings.HasPrefix(string(got), "kept") {
			t.Errorf("Append() = %q, %v, want %q", got, err, want)
		}
	}
	var v struct{ M moody }
	if err := c.Decode([]byte{1, 0}, &v); err == nil || !strings.HasSuffix(err.Error(), "panic: hostile") {
		t.Errorf("Decode() = %v", err)
	}
	codectest.Run(t, c, v)
}

func TestNamesTellLayoutsApart(t *testing.T) {
	seen := map[string]bool{}
	names := []string{
		name[struct{ A, B int }](t), name[struct{ B, A int }](t), name[struct{ A, B int64 }](t),
		name[struct{ A []int }](t), name[struct{ A *int }](t), name[struct{ A [2]int }](t), name[struct{ A [3]int }](t),
		name[struct{ A map[string]int }](t), name[struct{ A map[int]string }](t), name[struct{ A struct{ B int } }](t),
		name[netip.Addr](t), name[time.Time](t), name[string](t), name[[]byte](t),
	}
	for _, n := range names {
		if seen[n] {
			t.Errorf("two layouts are called %s", n)
		}
		seen[n] = true
	}
	if a, b := name[record](t), name[record](t); a != b {
		t.Errorf("one layout is called %s and %s", a, b)
	}
}

func name[T any](t *testing.T) string { return of[T](t).(codec.Named).Name() }

func TestHostileBytes(t *testing.T) {
	huge := "\xff\xff\xff\xff\xff\xff\xff\xff\x7f"
	cases := []struct {
		name, src, want string
		decode          func(string) error
	}{
		{"string", huge, "a length of", into[string](t)},
		{"bytes", huge, "a length of", into[[]byte](t)},
		{"slice", huge, "a length of", into[[]int64](t)},
		{"slice of large elements", "\x02\x00\x00", "a length of 1 in front of 2 bytes", into[[][100]int](t)},
		{"map", huge, "a length of", into[map[string]string](t)},
		{"own marshaling", huge, "a length of", into[netip.Addr](t)},
		{"varint without end", strings.Repeat("\xff", 11), "more than 64 bits", into[int](t)},
		{"int32 of 33 bits", "\xff\xff\xff\xff\x7f", "does not fit", into[int32](t)},
		{"uint16 of 17 bits", "\x80\x80\x04", "65536 does not fit", into[uint16](t)},
		{"bool of 2", "\x02", "2 is not a bool", into[bool](t)},
		{"pointer of 2", "\x02\x00", "not a pointer", into[*int](t)},
		{"pointer to what is not there", "\x01", "the bytes end early", into[*[1 << 16]int64](t)},
		{"map without what is large", "\x01\x00", "1 bytes left over", into[map[string][1 << 16]int64](t)},
		{"time of negative nanoseconds", "\x00" + huge + "\x00", "not a time", into[time.Time](t)},
		{"time of a far zone", "\x00\x00\x01" + huge, "not a time zone", into[time.Time](t)},
		{"trailing bytes", "\x00\x00\x00", "2 bytes left over", into[int](t)},
		{"trailing byte of nothing", "\x00", "1 bytes left over", into[struct{}](t)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := c.decode(c.src)
			runtime.ReadMemStats(&after)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Decode(%x) = %v, want an error with %q", c.src, err, c.want)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 16<<10 {
				t.Errorf("%d bytes cost %d bytes of memory", len(c.src), n)
			}
		})
	}
}

func into[T any](t *testing.T) func(string) error {
	c := of[T](t)
	return func(s string) error {
		var v T
		return c.Decode([]byte(s), &v)
	}
}

func TestEveryTruncationIsAnError(t *testing.T) {
	c := of[All](t)
	b, err := c.Append(nil, newAll())
	if err != nil {
		t.Fatal(err)
	}
	for n := range b {
		var v All
		if err := c.Decode(b[:n], &v); err == nil {
			t.Fatalf("the first %d of %d bytes decode", n, len(b))
		}
	}
}

func TestRoundTripOfAnything(t *testing.T) {
	c := of[record](t)
	rapid.Check(t, func(t *rapid.T) {
		blob := rapid.OneOf(rapid.Just([]byte(nil)), rapid.SliceOfN(rapid.Byte(), 0, 700))
		want := record{
			Topic: rapid.String().Draw(t, "topic"), Partition: rapid.Int32().Draw(t, "partition"),
			Offset: rapid.Int64().Draw(t, "offset"), Key: blob.Draw(t, "key"), Value: blob.Draw(t, "value"),
			Time: time.Unix(rapid.Int64Range(-1<<40, 1<<40).Draw(t, "sec"), rapid.Int64Range(0, 999_999_999).Draw(t, "nsec")),
		}
		for range rapid.IntRange(0, 5).Draw(t, "headers") {
			want.Headers = append(want.Headers, header{rapid.String().Draw(t, "name"), blob.Draw(t, "text")})
		}
		b, err := c.Append(nil, want)
		if err != nil {
			t.Fatal(err)
		}
		var got record
		if err := c.Decode(b, &got); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
	})
}

func TestAllocations(t *testing.T) {
	c, r := of[record](t), newRecord()
	r.Headers = []header{{"a", []byte("b")}}
	buf := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(1000, func() { _, _ = c.Append(buf, r) }); n > 0 && !raceEnabled {
		t.Errorf("Append of a record allocates %v times", n)
	}
	r.Headers = nil
	src, _ := c.Append(nil, r)
	got := make([]record, 1)
	n := testing.AllocsPerRun(1000, func() {
		got[0] = record{}
		_ = c.Decode(src, &got[0])
	})
	if n > 1 {
		t.Errorf("Decode of a record allocates %v times", n)
	}
	i := of[int64](t)
	longs, two := make([]int64, 1), []byte{2}
	if n := testing.AllocsPerRun(1000, func() { _ = i.Decode(two, &longs[0]) }); n > 0 {
		t.Errorf("Decode of an int64 allocates %v times", n)
	}
}

func FuzzDecode(f *testing.F) {
	c := of[All](f)
	b, _ := c.Append(nil, newAll())
	f.Add(b)
	f.Add(bytes.Repeat([]byte{0}, 100))
	f.Fuzz(func(t *testing.T, b []byte) {
		var v, again All
		if c.Decode(b, &v) != nil {
			return
		}
		out, err := c.Append(nil, v)
		if err != nil {
			t.Fatalf("%+v was decoded and cannot be appended: %v", v, err)
		}
		if err := c.Decode(out, &again); err != nil {
			t.Fatalf("%+v was decoded, but not again: %v", v, err)
		}
		if out2, _ := c.Append(nil, again); !bytes.Equal(out, out2) {
			t.Fatalf("%x came back as %x", out, out2)
		}
	})
}

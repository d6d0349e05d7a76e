package codec_test

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// A chain is what the engine asks of a default codec for the values of a section.
type chain[T any] interface {
	Chained() bool
	AppendNext(dst []byte, v, prev *T) ([]byte, error)
	DecodeNext(src []byte, v, prev *T, spare *[]byte) error
}

func chainOf[T any](t testing.TB) chain[T] { return any(of[T](t)).(chain[T]) }

// link takes values through a chain, and returns what came and how long each was.
func link[T any](t interface{ Fatal(...any) }, c chain[T], vs []T) (got []T, sizes []int) {
	got = make([]T, len(vs))
	var prev, last *T
	var spare []byte
	for i := range vs {
		b, err := c.AppendNext(nil, &vs[i], prev)
		if err == nil {
			err = c.DecodeNext(b, &got[i], last, &spare)
		}
		if err != nil {
			t.Fatal(err)
		}
		prev, last = &vs[i], &got[i]
		sizes = append(sizes, len(b))
	}
	return got, sizes
}

func TestChainLeavesOutWhatIsTheSame(t *testing.T) {
	a := newRecord()
	a.Key = nil
	b := a
	b.Offset++
	b.Value = []byte("other")
	vs := []record{a, a, b, {}, {Key: []byte{}}, a}
	got, sizes := link(t, chainOf[record](t), vs)
	if d := cmp.Diff(vs, got); d != "" {
		t.Error(d)
	}
	// A mask and a value of 117 bytes; a mask, an offset and a short value.
	if sizes[1] != 1+1+117 || sizes[2] != 1+4+1+5 {
		t.Errorf("%d bytes of one that is the same, %d of one that differs a little", sizes[1], sizes[2])
	}
}

// TestChainOfAnything: whatever follows what, it comes back equal.
func TestChainOfAnything(t *testing.T) {
	c := chainOf[parts](t)
	if !c.Chained() {
		t.Fatal("not a chain")
	}
	rapid.Check(t, func(t *rapid.T) {
		var vs []parts
		for range rapid.IntRange(1, 8).Draw(t, "values") {
			v := newParts()
			if len(vs) > 0 && rapid.Bool().Draw(t, "again") {
				v = vs[len(vs)-1]
			}
			v.draw(t)
			vs = append(vs, v)
		}
		got, _ := link(t, c, vs)
		if d := cmp.Diff(vs, got); d != "" {
			t.Fatal(d)
		}
	})
}

// parts is All without what marshals itself.
type parts struct {
	B    bool
	I16  int16
	U32  uint32
	I    int
	F    float64
	S    string
	Raw  []byte
	Hash [4]byte
	Pair [2]string
	T    time.Time
	Ins  []inner
	Ptr  *inner
	M    map[string]inner
}

func newParts() parts {
	a := newAll()
	return parts{a.B, a.I16, a.U32, a.I, a.F64, a.S, a.Raw, a.Hash, a.Pair, a.T, a.Ins, a.Ptr, a.M}
}

// draw changes one part.
func (p *parts) draw(t *rapid.T) {
	switch n := rapid.IntRange(0, 1<<10).Draw(t, "number"); n % 13 {
	case 0:
		p.B = !p.B
	case 1:
		p.I16 = int16(n)
	case 2:
		p.U32 = uint32(n)
	case 3:
		p.I = -n
	case 4:
		p.F = float64(n)
	case 5:
		p.S = strings.Repeat("s", n)
	case 6:
		p.Raw = nil
	case 7:
		p.Hash[1]++
	case 8:
		p.Pair[1] += "x"
	case 9:
		p.T = time.Unix(int64(n), 0).In(time.FixedZone("", n*60))
	case 10:
		p.Ins = nil
	case 11:
		p.Ptr = nil
	case 12:
		p.M = nil
	}
}

// TestChainShares: byte slices are parts of the bytes, cut off from what is behind,
// and strings are not.
func TestChainShares(t *testing.T) {
	c, v := chainOf[struct {
		S string
		B []byte
	}](t), struct {
		S string
		B []byte
	}{"string", []byte("bytes")}
	src, err := c.AppendNext(nil, &v, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, spare := v, []byte(nil)
	got.S, got.B = "", nil
	if err := c.DecodeNext(append(src, 0)[:len(src)], &got, nil, &spare); err != nil {
		t.Fatal(err)
	}
	if cap(got.B) != len(got.B) {
		t.Error("an append to a slice writes what is behind it")
	}
	clear(src)
	if got.S != "string" || !bytes.Equal(got.B, make([]byte, 5)) {
		t.Errorf("got %q and %q", got.S, got.B)
	}
}

// TestChainIsNotFor what has one part, more than a mask has bits, or marshals itself.
func TestChainIsNotFor(t *testing.T) {
	if chainOf[string](t).Chained() || chainOf[All](t).Chained() || chainOf[[]moody](t).Chained() || chainOf[wide](t).Chained() {
		t.Error("chained")
	}
	vs := []wide{{}, {C00: row{A: 7}, C21: row{B: 8}}, {C00: row{A: 7}, C21: row{C: 9}}}
	if got, _ := link(t, chainOf[wide](t), vs); !cmp.Equal(got, vs) {
		t.Errorf("got %v", got)
	}
	own := []netip.Addr{netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("192.0.2.7"), {}}
	if got, _ := link(t, chainOf[netip.Addr](t), own); !slices.Equal(got, own) {
		t.Errorf("got %v", got)
	}
}

// A wide has 66 parts.
type wide struct{ C00, C01, C02, C03, C04, C05, C06, C07, C08, C09, C10, C11, C12, C13, C14, C15, C16, C17, C18, C19, C20, C21 row }

type row struct{ A, B, C int8 }

func TestChainSpare(t *testing.T) {
	c := chainOf[[]string](t)
	vs := [][]string{{strings.Repeat("a", 200), strings.Repeat("b", 300), ""}, {strings.Repeat("c", 1000)}, {"d", strings.Repeat("e", 250)}}
	for range 10 {
		vs = append(vs, vs...)[:min(2*len(vs), 64)]
	}
	if got, _ := link(t, c, vs); !cmp.Equal(got, vs) {
		t.Error("strings are mixed up")
	}
}

func FuzzDecodeNext(f *testing.F) {
	c := chainOf[parts](f)
	first, second := newParts(), newParts()
	second.S, second.Raw, second.I = "other", nil, 7
	b, _ := c.AppendNext(nil, &second, &first)
	f.Add(b)
	f.Add([]byte{0})
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var v, again parts
		var spare []byte
		prev := newParts()
		if c.DecodeNext(bytes.Clone(b), &v, &prev, &spare) != nil {
			return
		}
		out, err := c.AppendNext(nil, &v, &prev)
		if err == nil {
			err = c.DecodeNext(out, &again, &prev, &spare)
		}
		if err != nil {
			t.Fatalf("%+v was decoded, but not again: %v", v, err)
		}
		if out2, _ := c.AppendNext(nil, &again, &prev); !bytes.Equal(out, out2) {
			t.Fatalf("%x came back as %x", out, out2)
		}
	})
}

func BenchmarkChainRecord(b *testing.B) {
	c, rs := chainOf[record](b), make([]record, 256)
	for i := range rs {
		rs[i] = newRecord()
		rs[i].Key = nil
		rs[i].Offset += int64(i)
		rs[i].Time = time.Unix(1_700_000_000, int64(i)*1e6)
	}
	benchmarkChain(b, c, rs)
}

func BenchmarkChainTweet(b *testing.B) {
	type tweet struct {
		Username, Text string
		Timestamp      int64
	}
	c, ts := chainOf[tweet](b), make([]tweet, 256)
	for i := range ts {
		ts[i] = tweet{"user-" + strings.Repeat("x", i%8), strings.Repeat("text", 25+i%3), 1_700_000_000 + int64(i)}
	}
	benchmarkChain(b, c, ts)
}

func benchmarkChain[T any](b *testing.B, c chain[T], vs []T) {
	var bodies [][]byte
	var buf []byte
	var prev *T
	for i := range vs {
		body, _ := c.AppendNext(nil, &vs[i], prev)
		bodies = append(bodies, body)
		prev = &vs[i]
	}
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		prev = nil
		for i := 0; b.Loop(); i++ {
			if i == len(vs) {
				i, prev = 0, nil
			}
			buf, _ = c.AppendNext(buf[:0], &vs[i], prev)
			prev = &vs[i]
		}
		b.ReportMetric(float64(len(buf)), "bytes")
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		got, zero := make([]T, len(vs)), *new(T)
		var spare []byte
		prev = nil
		for i := 0; b.Loop(); i++ {
			if i == len(vs) {
				i, prev = 0, nil
			}
			got[i] = zero
			if err := c.DecodeNext(bodies[i], &got[i], prev, &spare); err != nil {
				b.Fatal(err)
			}
			prev = &got[i]
		}
	})
}

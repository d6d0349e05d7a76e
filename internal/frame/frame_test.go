package frame

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/waterspout/waterspout/acker"
	"github.com/waterspout/waterspout/tuple"
)

func TestHeader(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Header{
			Kind:     Kind(rapid.IntRange(1, int(kindEnd)-1).Draw(t, "kind")),
			Link:     Link(rapid.IntRange(0, Links-1).Draw(t, "link")),
			Nonce:    rapid.Uint64().Draw(t, "nonce"),
			Epoch:    rapid.Uint64().Draw(t, "epoch"),
			Sequence: rapid.Uint64().Draw(t, "sequence"),
			Base:     rapid.Uint64().Draw(t, "base"),
		}
		name := rapid.StringN(0, 60, MaxName).Draw(t, "name")
		body := rapid.SliceOf(rapid.Byte()).Draw(t, "body")
		f := append(Begin(nil, name), body...)
		Seal(f, Header{Kind: Ping})
		Seal(f, want)
		h, from, got, err := Open(f)
		if err != nil || h != want || string(from) != name || !bytes.Equal(got, body) {
			t.Fatalf("%+v %q %x %v", h, from, got, err)
		}
		// No bit of it can change unnoticed, and no byte be missing.
		i := rapid.IntRange(0, len(f)*8-1).Draw(t, "bit")
		f[i/8] ^= 1 << (i % 8)
		if _, _, _, err := Open(f); err == nil {
			t.Fatalf("bit %d changed", i)
		}
		f[i/8] ^= 1 << (i % 8)
		for _, f := range [][]byte{f[:i/8], append(f, 0)} {
			if _, _, _, err := Open(f); err == nil {
				t.Fatalf("%d of %d bytes", len(f), len(body))
			}
		}
	})
}

func TestWhyNot(t *testing.T) {
	f := Begin(nil, "a")
	Seal(f, Header{Kind: Ping})
	change := func(at int, b byte) []byte {
		g := bytes.Clone(f)
		g[at] = b
		return g
	}
	seal := func(h Header) []byte {
		g := bytes.Clone(f)
		Seal(g, h)
		return g
	}
	for _, c := range []struct {
		f    []byte
		want error
	}{
		{nil, ErrLength}, {f[:20], ErrLength}, {append(bytes.Clone(f), 1), ErrLength},
		{change(fromAt, 2), ErrLength}, {change(0, 'X'), ErrForeign}, {change(2, 9), ErrForeign},
		{change(nonceAt, 9), ErrChecksum}, {seal(Header{Kind: kindEnd}), ErrForeign}, {seal(Header{}), ErrForeign},
		{seal(Header{Kind: Data, Link: Links}), ErrForeign},
	} {
		if _, _, _, err := Open(c.f); !errors.Is(err, c.want) {
			t.Errorf("%x: %v, want %v", c.f, err, c.want)
		}
	}
}

var sections = []Section{
	{To: Address{1, 2}, Inlet: 65535, Position: 1 << 60, Tuples: 77, Count: 2, Body: make([]byte, 10)},
	{Mark: true, Position: 9, Tuples: 2, Body: []byte{}},
	{To: Address{1 << 31, 3}, Position: 4, Tuples: 5, Body: []byte{}},
}

func TestSections(t *testing.T) {
	var body []byte
	for _, s := range sections {
		body = AppendSection(body, s)
	}
	var got []Section
	for rest := body; len(rest) > 0; {
		s, more, err := NextSection(rest)
		if err != nil {
			t.Fatal(err)
		}
		got, rest = append(got, s), more
	}
	if diff := cmp.Diff(sections, got); diff != "" {
		t.Error(diff)
	}
	for n := range body {
		if n == SectionHead+10 || n == 2*SectionHead+10 || n == 0 {
			continue
		}
		rest, err := body[:n], error(nil)
		for err == nil && len(rest) > 0 {
			_, rest, err = NextSection(rest)
		}
		if err == nil {
			t.Errorf("%d of %d bytes", n, len(body))
		}
	}
	if _, _, err := NextSection(AppendSection(nil, Section{Count: 3, Body: make([]byte, 8)})); err == nil {
		t.Error("three tuples in 8 bytes")
	}
}

func lineages() []tuple.Lineage {
	many := []tuple.Link{{Root: 4, Edge: 5}, {Root: 6, Edge: 1 << 63}}
	return []tuple.Lineage{
		{}, {Link: tuple.Link{Root: tuple.NewRoot(3, 1<<39), Edge: 7}},
		{Link: tuple.Link{Root: 2, Edge: 3}, More: &many}, {More: &many},
	}
}

func tuples() []byte {
	var body []byte
	var last tuple.Root
	for i, lin := range lineages() {
		body, last = appendTuple(body, &lin, last, strings.Repeat("v", i))
	}
	return body
}

func appendTuple[V string | []byte](body []byte, lin *tuple.Lineage, last tuple.Root, value V) ([]byte, tuple.Root) {
	body, last = AppendLineage(body, lin, last)
	body, mark := BeginValue(body)
	return EndValue(append(body, value...), mark), last
}

func TestTuples(t *testing.T) {
	want := lineages()
	want[3] = tuple.Lineage{Link: tuple.Link{Root: 4, Edge: 5}, More: &[]tuple.Link{{Root: 6, Edge: 1 << 63}}}
	body := tuples()
	r := NewTuples(body)
	for i, w := range want {
		lin, value, ok := r.Next()
		if !ok || !cmp.Equal(lin, w) || string(value) != strings.Repeat("v", i) || cap(value) != i {
			t.Errorf("%d: %v %q %v", i, lin, value, ok)
		}
	}
	if _, _, ok := r.Next(); ok || r.Err() != nil {
		t.Errorf("goes on; %v", r.Err())
	}
	if got := AppendRoots(nil, body); !cmp.Equal(got, []tuple.Root{tuple.NewRoot(3, 1<<39), 2, 4, 6, 4, 6}) {
		t.Errorf("roots %v", got)
	}
	r = NewTuples(body[:len(body)-1])
	for range want {
		r.Next()
	}
	if r.Err() == nil {
		t.Error("no error at the end of half a tuple")
	}
}

// TestRootsThatFollow: a root costs a byte if it is near the one before, and comes
// back however far it is.
func TestRootsThatFollow(t *testing.T) {
	far := []tuple.Root{1, 0xffff_ffff_ffff_ffff, 1 << 63, tuple.NewRoot(1, 5), tuple.NewRoot(1, 4), tuple.NewRoot(1<<24-1, 1<<40-1)}
	var body []byte
	var last tuple.Root
	for _, root := range far {
		body, last = appendTuple(body, &tuple.Lineage{Link: tuple.Link{Root: root, Edge: 7}}, last, "")
		body, last = appendTuple(body, &tuple.Lineage{}, last, "")
	}
	if got := AppendRoots(nil, body); !cmp.Equal(got, far) {
		t.Errorf("%v, want %v", got, far)
	}
	near, last := appendTuple(nil, &tuple.Lineage{Link: tuple.Link{Root: far[3], Edge: 7}}, 0, "")
	both, _ := appendTuple(near, &tuple.Lineage{Link: tuple.Link{Root: far[3] + 63, Edge: 7}}, last, "")
	if n := len(both) - len(near); n != 1+minLink+valueHead {
		t.Errorf("%d bytes of a tuple near the one before", n)
	}
}

func TestLongValues(t *testing.T) {
	for _, n := range []int{long - 1, long, long + 1, 1 << 20} {
		value := bytes.Repeat([]byte("0123456789"), n/10+1)[:n]
		body, last := appendTuple(nil, &tuple.Lineage{}, 0, value)
		body, _ = appendTuple(body, &tuple.Lineage{}, last, "behind")
		r := NewTuples(body)
		_, got, _ := r.Next()
		_, behind, _ := r.Next()
		if !bytes.Equal(got, value) || string(behind) != "behind" || r.Err() != nil {
			t.Errorf("%d bytes came back as %d, and %q", n, len(got), behind)
		}
		if r := NewTuples(body[:valueHead+longHead]); n >= long {
			if _, _, ok := r.Next(); ok || r.Err() == nil {
				t.Error("half a length")
			}
		}
	}
}

func TestAcks(t *testing.T) {
	pairs := []acker.Pair{{Root: 1, Word: 2}, {Root: 3, Word: 1 << 63}}
	fails := []Fail{
		{Root: 4, Why: tuple.Failure{Kind: tuple.Shutdown, Age: time.Hour}},
		{Root: 5, Why: tuple.Failure{Kind: tuple.Panic, Component: "c", Text: "boom"}},
	}
	body := AppendAcks(nil, pairs, fails)
	p, f, err := DecodeAcks(body, nil, nil)
	if diff := cmp.Diff(pairs, p) + cmp.Diff(fails, f); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	whole := map[int]bool{4 + 2*minLink: true, 4 + 2*minLink + failHead: true}
	for n := range body {
		p, f, err := DecodeAcks(body[:n], pairs, fails)
		if (err == nil) != whole[n] || err != nil && (len(p) != 2 || len(f) != 2) {
			t.Errorf("%d bytes: %v, %d pairs, %d fails", n, err, len(p), len(f))
		}
	}
	body[len(body)-len("cboom")-4] = tuple.Kinds
	if _, _, err := DecodeAcks(body, nil, nil); err == nil {
		t.Error("a kind that does not exist")
	}
	long := Fail{Why: tuple.Failure{Component: strings.Repeat("x", 300), Text: strings.Repeat("ü", 600) + "!"}}
	body = AppendAcks(nil, nil, []Fail{long, long})
	_, f, err = DecodeAcks(body, nil, nil)
	if err != nil || len(f[1].Why.Component) != MaxComponent || f[1].Why.Text != strings.Repeat("ü", MaxText/2) || len(body) != 4+2*FailSize {
		t.Errorf("%v, %d bytes", err, len(body))
	}
	if got := cut("aü", 2); got != "a" {
		t.Errorf("cut to %q", got)
	}
}

func TestReport(t *testing.T) {
	lost := []Range{{1, 2}, {5, 1 << 60}}
	grants := []Grant{{Address{1, 2}, 3, 4, 5}, {Address{5, 6}, 1 << 63, 8, 1 << 31}}
	body := AppendReport(nil, lost, grants)
	l, g, err := DecodeReport(body, nil, nil)
	if diff := cmp.Diff(lost, l) + cmp.Diff(grants, g); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	for n := range body {
		if _, _, err := DecodeReport(body[:n], nil, nil); (err == nil) != (n == len(body)-grantSize || n == len(body)-2*grantSize) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

func FuzzFrame(f *testing.F) {
	for _, body := range [][]byte{
		{}, AppendSection(nil, Section{Count: 4, Body: tuples()}), AppendReport(nil, []Range{{1, 2}}, []Grant{{}}),
		AppendAcks(nil, []acker.Pair{{Root: 1, Word: 2}}, []Fail{{}, {Why: tuple.Failure{Text: "t"}}}),
	} {
		b := append(Begin(nil, "w"), body...)
		Seal(b, Header{Kind: Data})
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, from, body, err := Open(b)
		if err != nil {
			// The checksum keeps most out: let it pass.
			if len(b) < headerSize || int(b[fromAt]) > len(b)-headerSize {
				return
			}
			b = bytes.Clone(b)
			Seal(b, Header{Kind: Data})
			if h, from, body, err = Open(b); err != nil {
				t.Fatal(err)
			}
		}
		if h.Kind == 0 || headerSize+len(from)+len(body) != len(b) {
			t.Fatal("not all of it")
		}
	})
}

func FuzzSections(f *testing.F) {
	var body []byte
	for _, s := range sections {
		body = AppendSection(body, s)
	}
	f.Add(body)
	f.Add(AppendSection(nil, Section{Count: 4, Body: tuples()}))
	f.Fuzz(func(t *testing.T, body []byte) {
		var again []byte
		for rest := body; len(rest) > 0; {
			s, more, err := NextSection(rest)
			if err != nil {
				return
			}
			if cap(s.Body) != len(s.Body) {
				t.Fatal("a body that reaches beyond itself")
			}
			again, rest = AppendSection(again, s), more
		}
		if !bytes.Equal(again, body) {
			t.Fatal("not what was encoded")
		}
	})
}

func FuzzTuples(f *testing.F) {
	f.Add(tuples())
	f.Add([]byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 1})
	f.Fuzz(func(t *testing.T, body []byte) {
		var again []byte
		var last tuple.Root
		size := 0
		r := NewTuples(body)
		for {
			lin, value, ok := r.Next()
			if !ok {
				break
			}
			if size += 16*(1+len(roots(lin))) + len(value); size > 20*len(body)+64 {
				t.Fatal("more than the bytes hold")
			}
			again, last = appendTuple(again, &lin, last, value)
		}
		AppendRoots(nil, body)
		// What was read reads as it did, but for links to nothing.
		for a, b := NewTuples(body), NewTuples(again); ; {
			_, x, ok := a.Next()
			_, y, same := b.Next()
			if ok != same || !bytes.Equal(x, y) {
				t.Fatal("not what was encoded")
			}
			if !ok {
				return
			}
		}
	})
}

func roots(l tuple.Lineage) []tuple.Link {
	if l.More == nil {
		return nil
	}
	return *l.More
}

func FuzzAcks(f *testing.F) {
	f.Add(AppendAcks(nil, []acker.Pair{{Root: 1, Word: 2}}, []Fail{{}, {Why: tuple.Failure{Text: "t", Component: "c"}}}))
	f.Fuzz(func(t *testing.T, body []byte) {
		pairs, fails, err := DecodeAcks(body, nil, nil)
		if err != nil {
			return
		}
		again := AppendAcks(nil, pairs, fails)
		p, f, err := DecodeAcks(again, nil, nil)
		if err != nil || !cmp.Equal(p, pairs) || len(f) != len(fails) {
			t.Fatal("not what was encoded")
		}
	})
}

func FuzzReport(f *testing.F) {
	f.Add(AppendReport(nil, []Range{{1, 2}}, []Grant{{}, {}}))
	f.Fuzz(func(t *testing.T, body []byte) {
		lost, grants, err := DecodeReport(body, nil, nil)
		if err == nil && !bytes.Equal(AppendReport(nil, lost, grants), body) {
			t.Fatal("not what was encoded")
		}
	})
}

// large is a frame of 32 KiB, of tuples of about 100 bytes in four sections.
func large(dst []byte) []byte {
	lin := tuple.Lineage{Link: tuple.Link{Root: 5, Edge: 6}}
	var value [80]byte
	var room [8 << 10]byte
	dst = Begin(dst, "worker-1-5e2f77aa")
	for task := range uint32(4) {
		body, n, last := room[:0], 0, tuple.Root(0)
		for ; len(body) < 8000; n++ {
			lin.Root++
			body, last = appendTuple(body, &lin, last, value[:])
		}
		dst = AppendSection(dst, Section{To: Address{task, 1}, Position: 8000, Tuples: uint64(n), Count: n, Body: body})
	}
	Seal(dst, Header{Kind: Data, Epoch: 1, Sequence: 2})
	return dst
}

func decode(f []byte) (n int) {
	_, _, body, err := Open(f)
	for err == nil && len(body) > 0 {
		var s Section
		s, body, err = NextSection(body)
		for r := NewTuples(s.Body); ; n++ {
			if _, _, ok := r.Next(); !ok {
				break
			}
		}
	}
	return n
}

func TestAllocatesNothing(t *testing.T) {
	f := large(nil)
	if n := testing.AllocsPerRun(100, func() { f = large(f[:0]) }); n != 0 {
		t.Errorf("%v allocations to encode", n)
	}
	if n := testing.AllocsPerRun(100, func() { decode(f) }); n != 0 {
		t.Errorf("%v allocations to decode", n)
	}
	if n := decode(f); n < 300 || len(f) > Target {
		t.Errorf("%d tuples in %d bytes", n, len(f))
	}
}

// BenchmarkFrame encodes and decodes a full frame; an operation is a frame of
// about 320 tuples.
func BenchmarkFrame(b *testing.B) {
	b.ReportAllocs()
	f := large(nil)
	b.SetBytes(int64(len(f)))
	for b.Loop() {
		f = large(f[:0])
		decode(f)
	}
}

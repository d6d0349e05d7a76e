package engine

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/internal/frame"
	"github.com/waterspout/waterspout/internal/mesh"
	"github.com/waterspout/waterspout/tuple"
)

// parcel is those items encoded, with faults of decoding in them, each under a root of
// its number plus 1 and, if that is even, another one.
func parcel(items ...item) mesh.Parcel {
	var body []byte
	var last tuple.Root
	for _, v := range items {
		lin := tuple.Lineage{Link: tuple.Link{Root: tuple.Root(v.N + 1), Edge: 3}}
		if v.N%2 == 1 {
			lin.More = &[]tuple.Link{{Root: tuple.Root(v.N + 1000_000), Edge: 5}}
		}
		body, last = frame.AppendLineage(body, &lin, last)
		value, mark := frame.BeginValue(body)
		value, _ = touchy{}.Append(value, v)
		body = frame.EndValue(value, mark)
	}
	return mesh.Parcel{Body: body, Count: len(items)}
}

// inletOf makes an inlet of items as a task of a site has it; refused are the roots of
// what could not be decoded.
func inletOf(t testing.TB) (in *queue[item], refused *[]tuple.Root) {
	b := newBench(0, 1, grouping.Global[int])
	b.core.run.opts.Abroad = true
	out := &Output[item]{node: b.core.comp.node}
	out.SetCodec(touchy{})
	made, err := newQueue(b.core, out)
	if err != nil {
		t.Fatal(err)
	}
	in, refused = made.(*queue[item]), &[]tuple.Root{}
	in.abroad.fail = func(lin *tuple.Lineage, err error) {
		if !strings.Contains(err.Error(), "touchy") {
			t.Errorf("root %d: %v", lin.Root, err)
		}
		roots(lin, func(root tuple.Root) { *refused = append(*refused, root) })
	}
	return in, refused
}

// fill sends to an inlet from here and from elsewhere, and returns the numbers of the
// items, by where they came from; the bad ones cannot be decoded.
func fill(t *rapid.T, in *queue[item]) (here, abroad, bad []int) {
	n := 0
	for range rapid.IntRange(0, 12).Draw(t, "batches") {
		var items []item
		size := rapid.IntRange(1, 5).Draw(t, "size")
		if rapid.Bool().Draw(t, "here") {
			var ts []tuple.Tuple[item]
			for range size {
				ts = append(ts, tuple.Tuple[item]{Value: item{N: n}, Lineage: tuple.Lineage{Link: tuple.Link{Root: tuple.Root(n + 1)}}})
				here = append(here, n)
				n++
			}
			in.sink().(sink[item]).Put(ts)
			continue
		}
		for range size {
			v := item{N: n, Fault: rapid.SampledFrom([]fault{none, none, decodeError, decodePanic}).Draw(t, "fault"), Size: rapid.IntRange(0, 3).Draw(t, "bytes")}
			if v.Fault == none {
				abroad = append(abroad, n)
			} else {
				bad = append(bad, n)
			}
			items = append(items, v)
			n++
		}
		if !in.deliver(parcel(items...)) {
			t.Fatal("an open inlet takes nothing")
		}
	}
	return here, abroad, bad
}

// TestInletOfTwoWorlds sends to an inlet from here and from elsewhere: all that can be
// decoded is executed, in the order of each sender, the rest is refused, and what is
// left over is told.
func TestInletOfTwoWorlds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in, refused := inletOf(nil)
		here, abroad, bad := fill(t, in)
		n := len(here) + len(abroad) + len(bad)
		box := in.box()
		if box.Queued() != n || (box.Load() > 0) != (n > 0) || box.Ready() != (n > 0) || box.Closed() {
			t.Fatalf("of %d: %d queued, load %d, ready %t, closed %t", n, box.Queued(), box.Load(), box.Ready(), box.Closed())
		}
		box.Close()
		if box.Closed() != (n == 0) || in.deliver(parcel(item{N: -1})) || box.Queued() != n {
			t.Fatalf("closed %t with %d queued", box.Closed(), box.Queued())
		}
		if got := in.take(); got != len(here)+len(abroad) {
			t.Fatalf("took %d of %d", got, len(here)+len(abroad))
		}
		if box.Queued() != 0 || !box.Closed() || (box.Load() > 0) != (n > 0) {
			t.Fatalf("after take: %d queued, load %d", box.Queued(), box.Load())
		}
		stop := rapid.IntRange(0, n).Draw(t, "executed")
		var done []int
		for k := 0; k < stop; k++ {
			in.each(1, func(v *item, lin *tuple.Lineage) {
				if lin != in.current() || lin.Root != tuple.Root(v.N+1) {
					t.Fatalf("item %d has lineage %v", v.N, *lin)
				}
				done = append(done, v.N)
			})
		}
		rest := map[tuple.Root]bool{}
		in.rest(func(root tuple.Root) { rest[root] = true })
		all := slices.Concat(here, abroad) // here comes first
		for k, v := range all {
			if k < stop != slices.Contains(done, v) || k < stop == rest[tuple.Root(v+1)] {
				t.Fatalf("of %v, %d executed: %v, rest %v", all, stop, done, rest)
			}
			if k >= stop && k >= len(here) && v%2 == 1 && !rest[tuple.Root(v+1000_000)] {
				t.Fatalf("the second root of %d is forgotten", v)
			}
		}
		if !slices.Equal(done, all[:min(stop, len(all))]) {
			t.Fatalf("executed %v of %v", done, all)
		}
		for _, v := range bad {
			if !slices.Contains(*refused, tuple.Root(v+1)) || v%2 == 1 && !slices.Contains(*refused, tuple.Root(v+1000_000)) {
				t.Fatalf("%d was not refused: %v", v, *refused)
			}
		}
		if want := len(bad); len(*refused) < want || len(*refused) > 2*want {
			t.Fatalf("refused %v, want %v", *refused, bad)
		}
		box.Idle()
		if box.Load() != 0 || in.take() != 0 {
			t.Fatal("it is not idle in the end")
		}
	})
}

// TestSpoilt: behind a value that cannot be decoded those that are told from it fail,
// too, and those of other sections do not.
func TestSpoilt(t *testing.T) {
	type point struct{ X, Y int }
	b := newBench(0, 1, grouping.Global[int])
	b.core.run.opts.Abroad = true
	made, err := newQueue(b.core, &Output[point]{node: b.core.comp.node})
	if err != nil {
		t.Fatal(err)
	}
	in := made.(*queue[point])
	var failed []tuple.Root
	in.abroad.fail = func(lin *tuple.Lineage, err error) {
		roots(lin, func(root tuple.Root) { failed = append(failed, root) })
	}
	pack := func(from tuple.Root) mesh.Parcel {
		r := route[point]{codec: in.abroad.codec}
		for i := range tuple.Root(3) {
			if err := r.append(&tuple.Tuple[point]{Value: point{7, int(i)}, Lineage: tuple.Lineage{Link: tuple.Link{Root: from + i, Edge: 1}}}); err != nil {
				t.Fatal(err)
			}
		}
		return mesh.Parcel{Body: r.body, Count: 3}
	}
	bad, good := pack(11), pack(21)
	bad.Body[14+12] |= 1 << 6 // the mask of the second, of 14 bytes each, behind its head
	in.deliver(bad)
	in.deliver(good)
	in.take()
	var got []point
	in.each(9, func(p *point, lin *tuple.Lineage) { got = append(got, *p) })
	if !slices.Equal(failed, []tuple.Root{12, 13}) || !slices.Equal(got, []point{{7, 0}, {7, 0}, {7, 1}, {7, 2}}) {
		t.Errorf("failed %v, got %v", failed, got)
	}
}

package grouping

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

type rec struct {
	key string
	n   int
}

func keyOf(r rec) string { return r.key }

func appendKey(r rec, buf []byte) []byte { return append(buf, r.key...) }

func targets(t *rapid.T) Targets {
	to := Targets{Count: rapid.IntRange(1, 70).Draw(t, "count")}
	for i := range to.Count {
		if rapid.Bool().Draw(t, "local") {
			to.Local = append(to.Local, i)
		}
	}
	if rapid.Bool().Draw(t, "loads known") {
		loads := rapid.SliceOfN(rapid.IntRange(0, 3), to.Count, to.Count).Draw(t, "loads")
		to.Load = func(i int) int { return loads[i] }
	}
	if rapid.Bool().Draw(t, "runs") {
		to.Run = func() int { return rapid.IntRange(-1, 256).Draw(t, "run") }
	}
	return to
}

// Whatever the targets are: every choice is a task, and the keyed groupings agree with
// each other and with themselves in another sender.
func TestChoices(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		to := targets(t)
		choosers := map[string]Chooser[rec]{
			"shuffle": Shuffle[rec](to), "local": LocalOrShuffle[rec](to), "global": Global[rec](to),
			"fields": Fields(keyOf)(to), "partial": PartialKey(keyOf)(to), "bytes": Bytes(appendKey)(to),
		}
		other, value := Fields(keyOf)(to), Value[string](to)
		for _, key := range rapid.SliceOfN(rapid.String(), 1, 50).Draw(t, "keys") {
			r := rec{key: key}
			for name, choose := range choosers {
				if i := choose(r); i < 0 || i >= to.Count {
					t.Fatalf("%s chose %d of %d", name, i, to.Count)
				}
			}
			want := other(r)
			if a, b, c := choosers["fields"](r), choosers["bytes"](r), value(key); a != want || b != want || c != want {
				t.Fatalf("key %q: Fields %d, another sender %d, Bytes %d, Value %d", key, a, want, b, c)
			}
		}
	})
}

// With equal loads a shuffle is an exact round robin of runs, so after any number of
// rounds all tasks got the same.
func TestShuffleIsEven(t *testing.T) {
	for _, run := range []int{1, 5, 256} {
		for _, count := range []int{2, 3, 20, 100} {
			for _, load := range []func(int) int{nil, func(int) int { return 0 }, func(int) int { return 9 }} {
				got := make([]int, count)
				choose := Shuffle[int](Targets{Count: count, Load: load, Run: func() int { return run }})
				const rounds = 3
				last, runs := -1, 0
				for v := range rounds * run * count {
					i := choose(v)
					if got[i]++; v%run == 0 && i == last {
						t.Fatalf("count %d: two runs in a row at task %d", count, i)
					} else if v%run == 0 {
						runs++
					}
					last = i
				}
				for i, n := range got {
					if n != rounds*run {
						t.Fatalf("count %d, run %d: task %d got %d of %d", count, run, i, n, rounds*run)
					}
				}
			}
		}
	}
}

func TestShuffleStartsAnywhere(t *testing.T) {
	starts := map[int]bool{}
	for range 200 { // all equal by chance: 20^-199
		starts[Shuffle[int](Targets{Count: 20})(0)] = true
	}
	if len(starts) < 2 {
		t.Fatal("all senders start at one task")
	}
}

func TestShuffleAvoidsLoad(t *testing.T) {
	load := []int{5, 0, 7, 1000, 5}
	choose := Shuffle[int](Targets{Count: len(load), Load: func(i int) int { return load[i] }})
	for v := range 2000 { // nobody takes anything away: the low ones meet, below the full one
		load[choose(v)]++
	}
	for i, n := range load {
		if i == 3 && n != 1000 || i != 3 && (n < 503 || n > 506) {
			t.Errorf("task %d is at %d: %v", i, n, load)
		}
	}
	// A task far out of the scan is reached by the rotation.
	seen := map[int]bool{}
	choose = Shuffle[int](Targets{Count: 100, Load: func(int) int { return 1 }})
	for v := range 100 {
		seen[choose(v)] = true
	}
	if len(seen) != 100 {
		t.Errorf("%d of 100 tasks got something", len(seen))
	}
}

func TestLocalOrShuffle(t *testing.T) {
	for _, test := range []struct {
		local []int
		want  int
	}{{nil, 6}, {[]int{4}, 1}, {[]int{1, 3}, 2}, {[]int{0, 1, 2, 3, 4, 5}, 6}} {
		choose := LocalOrShuffle[int](Targets{Count: 6, Local: test.local})
		got := map[int]int{}
		for v := range 60 {
			got[choose(v)]++
		}
		for i, n := range got {
			if n != 60/test.want {
				t.Errorf("local %v: task %d got %d", test.local, i, n)
			}
		}
		for _, i := range test.local {
			if got[i] == 0 {
				t.Errorf("local %v: task %d got nothing", test.local, i)
			}
		}
		if len(got) != test.want {
			t.Errorf("local %v: spread over %v", test.local, got)
		}
	}
}

// TestLocalOrShuffleFollows tasks that come and go: from the next run.
func TestLocalOrShuffleFollows(t *testing.T) {
	local := []int{0}
	choose := LocalOrShuffle[int](Targets{Count: 6, Local: local, Here: func() []int { return local }, Load: func(int) int { return 0 }})
	for _, test := range []struct {
		local []int
		want  int
	}{{[]int{4}, 1}, {[]int{1, 3, 5}, 3}, {[]int{2}, 1}, {nil, 6}, {[]int{0, 1, 2, 3, 4, 5}, 6}, {[]int{1, 3}, 2}} {
		local = test.local
		got := map[int]int{}
		for v := range 60 {
			i := choose(v)
			if got[i]++; len(local) > 0 && !slices.Contains(local, i) {
				t.Fatalf("local %v: task %d got one", local, i)
			}
		}
		if len(got) != test.want {
			t.Errorf("local %v: spread over %v", local, got)
		}
	}
}

// The point of PartialKey: one key with half of all tuples does not make one task get
// half of them, and each key is at no more than two tasks.
func TestPartialKeyBalances(t *testing.T) {
	const count, n = 10, 100_000
	choose := PartialKey(keyOf)(Targets{Count: count})
	got, tasks := make([]int, count), map[string]map[int]bool{}
	for i := range n {
		r := rec{key: "hot"}
		if i%5 != 0 {
			r.key = strconv.Itoa(i)
		}
		at := choose(r)
		got[at]++
		if tasks[r.key] == nil {
			tasks[r.key] = map[int]bool{}
		}
		tasks[r.key][at] = true
	}
	for i, c := range got {
		if c < n/count*88/100 || c > n/count*112/100 {
			t.Errorf("task %d got %d of %d: %v", i, c, n, got)
		}
	}
	if len(tasks["hot"]) != 2 {
		t.Errorf("the hot key is at tasks %v, want two", tasks["hot"])
	}
	for k, at := range tasks {
		if len(at) > 2 {
			t.Errorf("key %q is at %d tasks", k, len(at))
		}
	}
}

func TestPartialKeyHeedsLoad(t *testing.T) {
	a, b := both(hasher[string]()("hot"), 10)
	choose := PartialKey(keyOf)(Targets{Count: 10, Load: func(i int) int {
		if i == a {
			return 100
		}
		return 0
	}})
	for range 50 {
		if i := choose(rec{key: "hot"}); i != b {
			t.Fatalf("chose %d, want the idle %d", i, b)
		}
	}
}

// Tuples of one key keep their order on the way to their task.
func TestFieldsKeepsOrder(t *testing.T) {
	inbox := make([][]rec, 7)
	choose := Fields(keyOf)(Targets{Count: len(inbox)})
	for n := range 10_000 {
		r := rec{strconv.Itoa(n * n % 101), n}
		i := choose(r)
		inbox[i] = append(inbox[i], r)
	}
	type seen struct{ task, n int }
	last := map[string]seen{}
	for i, rs := range inbox {
		for _, r := range rs {
			if s, ok := last[r.key]; ok && (s.task != i || s.n >= r.n) {
				t.Fatalf("key %s: %d at task %d after %v", r.key, r.n, i, s)
			}
			last[r.key] = seen{i, r.n}
		}
	}
}

func TestDirectAndAll(t *testing.T) {
	choose := Direct(func(v, count int) int { return v })(Targets{Count: 3})
	for v, want := range map[int]int{-2: None, -1: None, 0: 0, 2: 2, 3: None} {
		if got := choose(v); got != want {
			t.Errorf("Direct(%d) is %d, want %d", v, got, want)
		}
	}
	if got := All[int](Targets{Count: 3})(0); got != Everyone {
		t.Errorf("All chose %d", got)
	}
	if got := All[int](Targets{Count: 1})(0); got != 0 {
		t.Errorf("All of one task chose %d", got)
	}
}

// A key function may return the value's own bytes: they are not written.
func TestBytesLeavesTheValueAlone(t *testing.T) {
	choose := Bytes(func(v, buf []byte) []byte {
		if len(v) > 3 {
			return v
		}
		return append(buf, v...)
	})(Targets{Count: 5})
	long := []byte("a long key that is longer than any buffer to begin with, I am quite sure of that, yes")
	want := string(long)
	choose(long)
	choose([]byte("xyz"))
	if string(long) != want {
		t.Fatalf("the value is now %q", long)
	}
}

var contenders = map[string]func(Targets) Chooser[rec]{
	"Shuffle": Shuffle[rec], "Fields": Fields(keyOf), "PartialKey": PartialKey(keyOf), "Bytes": Bytes(appendKey),
	"Int": Fields(func(r rec) int { return r.n }),
}

func TestNoAllocations(t *testing.T) {
	keys := []rec{{key: "a"}, {key: "zerg.hydra"}, {key: fmt.Sprintf("%200d", 1)}}
	for name, group := range contenders {
		choose := group(Targets{Count: 8, Load: func(i int) int { return i & 1 }})
		choose(keys[2]) // the buffer of Bytes grows once
		if n := testing.AllocsPerRun(100, func() {
			for _, r := range keys {
				choose(r)
			}
		}); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

func BenchmarkChoose(b *testing.B) {
	for _, key := range []string{"words", "0f8fad5b-d9cb-469f-a165-70867728950e"} {
		for name, group := range contenders {
			b.Run(fmt.Sprintf("%s/%d", name, len(key)), func(b *testing.B) {
				choose := group(Targets{Count: 20, Run: func() int { return 256 }})
				r, to := rec{key: key}, 0
				for b.Loop() {
					to += choose(r)
				}
			})
		}
	}
}

package codectest

import (
	"math"
	"testing"
	"time"
)

// A graph has what a clone must follow, and what it must not.
type graph struct {
	name  string
	self  *graph
	ints  []int
	rows  [][]string
	array [2][]byte
	byKey map[string]*int
	any   any
	at    time.Time
	none  []int
	empty map[int]int
	f     float64
	done  chan int
}

func newGraph() *graph {
	n := 1
	g := &graph{
		name: "a", ints: []int{1, 2}, rows: [][]string{{"x"}, nil}, array: [2][]byte{[]byte("y"), {}},
		byKey: map[string]*int{"k": &n}, any: []*int{&n}, at: time.Now(), empty: map[int]int{}, f: math.NaN(), done: make(chan int),
	}
	g.self = g
	return g
}

func TestClone(t *testing.T) {
	for name, write := range map[string]func(*graph){
		"nothing":   func(*graph) {},
		"field":     func(g *graph) { g.name = "b" },
		"slice":     func(g *graph) { g.ints[1] = 0 },
		"rows":      func(g *graph) { g.rows[0][0] = "" },
		"array":     func(g *graph) { g.array[0][0] = 0 },
		"map":       func(g *graph) { g.byKey["l"] = nil },
		"map value": func(g *graph) { *g.byKey["k"] = 2 },
		"interface": func(g *graph) { *g.any.([]*int)[0] = 2 },
		"nil":       func(g *graph) { g.none = []int{} },
		"empty":     func(g *graph) { g.empty = nil },
		"time":      func(g *graph) { g.at = g.at.Add(1) },
		"NaN":       func(g *graph) { g.f = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			g := newGraph()
			c := clone(g)
			if c == g || c.self != c || c.byKey["k"] != c.any.([]*int)[0] {
				t.Error("the copy is not of the same shape")
			}
			write(g)
			if d := diff(c, g); (d == "") != (name == "nothing") {
				t.Errorf("differs by %q", d)
			}
		})
	}
}

package report

import (
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func labels(ticks []float64) string {
	var all []string
	for _, v := range ticks {
		all = append(all, strings.ReplaceAll(number(v), "\u00a0", " "))
	}
	return strings.Join(all, ", ")
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		axis   Axis
		values []float64
		tight  bool
		want   string
	}{
		{Axis{}, []float64{3, 93}, false, "0, 20, 40, 60, 80, 100"},
		{Axis{}, []float64{92e3, 48e3}, false, "0, 20 k, 40 k, 60 k, 80 k, 100 k"},
		{Axis{}, []float64{-3, 7}, false, "-4, -2, 0, 2, 4, 6, 8"},
		{Axis{}, []float64{.04, .31}, false, "0, 0.1, 0.2, 0.3, 0.4"},
		{Axis{}, []float64{1.1e6}, false, "0, 500 k, 1 M, 1.5 M"},
		{Axis{}, []float64{1e-7}, false, "0, 2e-8, 4e-8, 6e-8, 8e-8, 1e-7"},
		{Axis{}, []float64{0}, false, "0, 0.2, 0.4, 0.6, 0.8, 1"},
		{Axis{}, nil, false, "0, 0.2, 0.4, 0.6, 0.8, 1"},
		{Axis{Max: 100}, []float64{12}, false, "0, 20, 40, 60, 80, 100"},
		{Axis{Max: 100}, []float64{120}, false, "0, 50, 100, 150"},
		{Axis{}, []float64{-10, 39.5}, true, "-10, 0, 10, 20, 30, 40"},
		{Axis{}, []float64{1e9, 1e9 + 1e-3}, true, "600 M, 800 M, 1 G, 1.2 G, 1.4 G"},
		{Axis{Log: true}, []float64{3, 900}, false, "10, 100, 1 k"},
		{Axis{Log: true}, []float64{3, 90}, false, "2, 5, 10, 20, 50, 100"},
		{Axis{Log: true}, []float64{1e3, 2e5}, true, "1 k, 10 k, 100 k"},
		{Axis{Log: true}, []float64{.002, 90e3}, false, "0.01, 1, 100, 10 k"},
		{Axis{Log: true}, []float64{7}, false, "2, 5, 10, 20"},
		{Axis{Log: true}, []float64{0, -5}, false, "1, 2, 5, 10"},
		{Axis{Log: true}, []float64{61, 69}, true, "62, 64, 66, 68"},
		{Axis{Log: true, Min: 1, Max: 1000}, []float64{50}, false, "1, 10, 100, 1 k"},
		{Axis{Log: true, Min: -1, Max: math.Inf(1)}, []float64{50}, false, "20, 50, 100"},
	} {
		s := c.axis.fit(c.values, c.tight)
		if got := labels(s.ticks(6)); got != c.want {
			t.Errorf("%+v of %v, from %v to %v: ticks at %s, want %s", c.axis, c.values, s.lo, s.hi, got, c.want)
		}
	}
}

// A scale has all figures on it, in their order, and a few ticks that ascend.
func TestAnyScale(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := Axis{Log: rapid.Bool().Draw(t, "log")}
		values := rapid.SliceOfN(anyFigure, 0, 5).Draw(t, "values")
		s := a.fit(values, rapid.Bool().Draw(t, "tight"))
		s.from, s.to = 0, 100
		if !(s.lo < s.hi) {
			t.Fatalf("from %v to %v", s.lo, s.hi)
		}
		values = slices.DeleteFunc(values, func(v float64) bool { return !a.shows(v) })
		slices.Sort(values)
		last := 0.
		for _, v := range values {
			if slack := 1e-9 * math.Abs(v); v < s.lo-slack-tiny || v > s.hi+slack+tiny {
				t.Fatalf("%v is not between %v and %v", v, s.lo, s.hi)
			}
			at := s.at(v)
			if at < last || at > 100 {
				t.Fatalf("%v is at %v, behind %v", v, at, last)
			}
			last = at
		}
		ticks := s.ticks(rapid.IntRange(1, 8).Draw(t, "n"))
		if len(ticks) == 0 || len(ticks) > 12 {
			t.Fatalf("%d ticks from %v to %v: %v", len(ticks), s.lo, s.hi, ticks)
		}
		for i, v := range ticks {
			if i > 0 && (v <= ticks[i-1] || number(v) == number(ticks[i-1])) {
				t.Fatalf("ticks %v, labelled %s", ticks, labels(ticks))
			}
		}
	})
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 1: "1", -2.5: "-2.5", .001: "0.001", .0001: "0.0001", 999: "999", 1000: "1 k", 2500: "2.5 k",
		-1e6: "-1 M", 3e9: "3 G", 1e12: "1 T", 1e15: "1e15", 1e100: "1e100", 1e-7: "1e-7",
	} {
		if got := labels([]float64{v}); got != want {
			t.Errorf("%v is %s, want %s", v, got, want)
		}
	}
}

func TestMeasured(t *testing.T) {
	for _, c := range []struct {
		xs   []float64
		want string
	}{
		{[]float64{8, 1, 2, 4, 4}, "1, 2, 4, 8"},
		{[]float64{50, 100, 200, 500, 1000}, "50, 100, 200, 500, 1 k"},
		{[]float64{1000, 1234}, ""},                  // no good labels
		{[]float64{1, 2, 3, 4, 5, 6, 7, 8, 9}, ""},   // too many
		{[]float64{1, math.NaN(), math.Inf(1)}, "1"}, // these have no place
	} {
		var s Series
		for _, x := range c.xs {
			s.Points = append(s.Points, Point{X: x})
		}
		across := Series{Kind: Across, Points: []Point{{X: 77}}}
		if got := labels(Plot{Series: []Series{s, across}}.measured()); got != c.want {
			t.Errorf("%v: %s, want %s", c.xs, got, c.want)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"", nil},
		{"  a  b ", []string{"a b"}},
		{"aaaa bbbb cccc", []string{"aaaa bbbb", "cccc"}},
		{"aaaaaaaaaaaaaaaa b", []string{"aaaaaaaa…", "b"}},
	} {
		if got := wrap(c.text, 65, 10); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
}

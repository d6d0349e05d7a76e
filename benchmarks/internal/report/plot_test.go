package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// A drawing is what a test sees of an SVG file.
type drawing struct {
	box   [4]float64 // of the view
	at    []point    // every coordinate in it
	texts []placed
	paths map[string]int // how many there are of a sort: "stroke #0072b2", "fill #fff"
}

// A placed text is what is written from where to where.
type placed struct {
	text     string
	from, to float64
}

// failer is what a test and a property have in common.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

var figure = regexp.MustCompile(`-?[0-9.]+`)

func numbers(t failer, s string) (all []float64) {
	t.Helper()
	for _, f := range figure.FindAllString(s, -1) {
		v, err := strconv.ParseFloat(f, 64)
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		all = append(all, v)
	}
	return all
}

// draw reads a plot as a browser would, and fails if that cannot.
func draw(t failer, p Plot) drawing {
	t.Helper()
	svg := p.svg(Document{Sections: []Section{{Plots: []Plot{p}}}}.looks())
	if bytes.Contains(svg, []byte("NaN")) || bytes.Contains(svg, []byte("Inf")) {
		t.Fatalf("no number: %s", svg)
	}
	d := drawing{paths: map[string]int{}}
	var text *placed
	for dec := xml.NewDecoder(bytes.NewReader(svg)); ; {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return d
		}
		if err != nil {
			t.Fatalf("%v in %s", err, svg)
		}
		switch e := token.(type) {
		case xml.StartElement:
			a := map[string]string{}
			for _, attr := range e.Attr {
				a[attr.Name.Local] = attr.Value
			}
			switch e.Name.Local {
			case "svg":
				copy(d.box[:], numbers(t, a["viewBox"]))
			case "rect":
				n := numbers(t, a["x"]+" "+a["y"]+" "+a["width"]+" "+a["height"])
				d.at = append(d.at, point{n[0], n[1]}, point{n[0] + n[2], n[1] + n[3]})
			case "path":
				for c := range slices.Chunk(numbers(t, a["d"]), 2) {
					d.at = append(d.at, point{c[0], c[1]})
				}
				if a["fill"] == "" || a["fill"] == "none" {
					d.paths["stroke "+a["stroke"]]++
				} else {
					d.paths["fill "+a["fill"]]++
				}
			case "text":
				n := numbers(t, a["x"]+" "+a["y"])
				d.at = append(d.at, point{n[0], n[1]})
				text = &placed{from: n[0], text: a["text-anchor"]}
			}
		case xml.EndElement:
			text = nil
		case xml.CharData:
			if text != nil {
				w := width(string(e), fontSize)
				text.from -= w * map[string]float64{"middle": .5, "end": 1}[text.text]
				text.to, text.text = text.from+w, string(e)
				d.texts = append(d.texts, *text)
				text = nil
			}
		}
	}
}

func (d drawing) inside(t failer) {
	t.Helper()
	for _, p := range d.at {
		if p.x < 0 || p.x > d.box[2] || p.y < 0 || p.y > d.box[3] {
			t.Fatalf("%v is outside of the view box %v", p, d.box)
		}
	}
	for _, text := range d.texts {
		if text.from < 0 || text.to > d.box[2] {
			t.Fatalf("%q reaches from %v to %v, outside of the view box %v", text.text, text.from, text.to, d.box)
		}
	}
}

// says reports whether the plot has the text.
func (d drawing) says(text string) bool {
	return slices.ContainsFunc(d.texts, func(p placed) bool { return p.text == text })
}

var anyFigure = rapid.OneOf(
	rapid.Float64(), rapid.Float64Range(-10, 1000), rapid.Float64Range(1e9, 1e9+1),
	rapid.SampledFrom([]float64{0, 1, 1e-300, 5e-324, 1e-99, 1e99, -1e99, 1e300, math.MaxFloat64,
		math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1), math.Nextafter(1, 2), 0.1 + 0.2}),
)

func anyAxis(t *rapid.T, name string) Axis {
	a := Axis{Label: rapid.String().Draw(t, name), Log: rapid.Bool().Draw(t, name+" log")}
	if rapid.Bool().Draw(t, name+" range") {
		a.Min, a.Max = anyFigure.Draw(t, name+" min"), anyFigure.Draw(t, name+" max")
	}
	return a
}

// Whatever the figures, a plot is a picture, and all of it is in view.
func TestAnyPlot(t *testing.T) {
	points := rapid.Custom(func(t *rapid.T) Point {
		return Point{anyFigure.Draw(t, "x"), anyFigure.Draw(t, "y"), anyFigure.Draw(t, "low"), anyFigure.Draw(t, "high")}
	})
	series := rapid.Custom(func(t *rapid.T) Series {
		return Series{
			Name: rapid.String().Draw(t, "name"), Kind: rapid.SampledFrom([]Kind{Line, Steps, Across}).Draw(t, "kind"),
			Points: rapid.SliceOfN(points, 0, 20).Draw(t, "points"),
		}
	})
	marks := rapid.Custom(func(t *rapid.T) Mark {
		return Mark{anyFigure.Draw(t, "mark"), rapid.String().Draw(t, "label")}
	})
	rapid.Check(t, func(t *rapid.T) {
		p := Plot{
			Title: rapid.String().Draw(t, "title"), Alt: rapid.String().Draw(t, "alt"),
			X: anyAxis(t, "x"), Y: anyAxis(t, "y"),
			Series: rapid.SliceOfN(series, 0, 9).Draw(t, "series"),
			Marks:  rapid.SliceOfN(marks, 0, 4).Draw(t, "marks"),
		}
		draw(t, p).inside(t)
	})
}

// The texts of a plot as it is really made are in view as well, and no series
// looks like another.
func TestEveryKind(t *testing.T) {
	d := everyKind()
	for p := range d.plots() {
		draw(t, p).inside(t)
		looks := p.looks(d.looks())
		for i, l := range looks {
			for j := range i {
				if o := looks[j]; o.colour() == l.colour() || o.dashes() == l.dashes() {
					t.Errorf("%s: %s and %s look alike", p.Name, p.Series[j].Name, p.Series[i].Name)
				}
			}
		}
	}
}

func TestLooks(t *testing.T) {
	seen := map[string]bool{}
	for i := range 49 {
		seen[look(i).line()] = true
	}
	if len(seen) != 49 {
		t.Errorf("%d of 49 lines differ", len(seen))
	}
	document := map[string]look{"a": 0, "b": 7, "c": 1}
	got := Plot{Series: []Series{{Name: "c"}, {Name: "a"}, {Name: "b"}}}.looks(document)
	if want := []look{1, 0, 9}; !slices.Equal(got, want) {
		t.Errorf("looks %v, want %v", got, want)
	}
}

func TestShown(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	linear, log := Axis{}, Axis{Log: true}
	for _, c := range []struct {
		name string
		kind Kind
		x, y Axis
		in   []Point
		want [][]Point
	}{
		{"nothing", Line, linear, linear, nil, nil},
		{"gap", Line, linear, linear, []Point{{X: 1, Y: 1}, {X: 2, Y: nan}, {X: 3, Y: 3}, {X: inf, Y: 4}, {X: 5, Y: -inf}},
			[][]Point{{{X: 1, Y: 1}}, {{X: 3, Y: 3}}}},
		{"zero", Line, linear, linear, []Point{{X: 0, Y: 0}, {X: 1, Y: -1}}, [][]Point{{{X: 0, Y: 0}, {X: 1, Y: -1}}}},
		{"zero on a log axis", Line, log, log, []Point{{X: 0, Y: 1}, {X: 1, Y: 1}, {X: 2, Y: 0}, {X: 3, Y: -1}, {X: 4, Y: 1}},
			[][]Point{{{X: 1, Y: 1}}, {{X: 4, Y: 1}}}},
		{"steps hold until the gap", Steps, linear, log, []Point{{X: 1, Y: 5}, {X: 2, Y: 0}, {X: 3, Y: 6}, {X: nan, Y: 1}},
			[][]Point{{{X: 1, Y: 5}, {X: 2, Y: 5}}, {{X: 3, Y: 6}}}},
		{"across", Across, log, linear, []Point{{X: 0, Y: nan}, {X: 0, Y: 7}, {X: 1, Y: 8}}, [][]Point{{{X: 0, Y: 7}}}},
	} {
		got := Series{Kind: c.kind, Points: c.in}.shown(c.x, c.y)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

// What is drawn of a single series: besides the background and the legend's sample
// of line and marker.
func TestParts(t *testing.T) {
	many := make([]Point, few+1)
	for i := range many {
		many[i] = Point{X: float64(i), Y: 10, Low: 9, High: 11}
	}
	const line, fill = "stroke #0072b2", "fill #0072b2"
	for _, c := range []struct {
		name        string
		s           Series
		y           Axis
		lines, fill int // more than in the legend
	}{
		{"empty", Series{}, Axis{}, 0, 0},
		{"one point", Series{Points: many[:1:1]}, Axis{}, 3, 1},
		{"one point without spread", Series{Points: []Point{{X: 1, Y: 1}}}, Axis{}, 0, 1},
		{"two points", Series{Points: many[:2]}, Axis{}, 1 + 6, 2},
		{"spread to the foot of a log axis", Series{Points: []Point{{X: 1, Y: 2, Low: 0, High: 3}}}, Axis{Log: true}, 3, 1},
		{"no spread", Series{Points: []Point{{X: 1, Y: 2, Low: 3, High: 1}, {X: 2, Y: 2, Low: 1, High: math.NaN()}}}, Axis{}, 1, 2},
		{"many", Series{Points: many}, Axis{}, 1, 1},
		{"steps", Series{Points: many[:3], Kind: Steps}, Axis{}, 1 + 9, 3},
		{"across", Series{Points: many[:1], Kind: Across}, Axis{}, 1, 1},
		{"lonely among many", Series{Points: append(slices.Clone(many), Point{Y: math.NaN()}, Point{X: 30, Y: 5})}, Axis{}, 1, 2},
	} {
		d := draw(t, Plot{Y: c.y, Series: []Series{c.s}})
		markers := 0
		if c.s.few() {
			markers = 1
		}
		if lines, filled := d.paths[line]-1, d.paths[fill]-markers; lines != c.lines || filled != c.fill {
			t.Errorf("%s: %d lines and %d filled, want %d and %d", c.name, lines, filled, c.lines, c.fill)
		}
		if (c.name == "empty") != d.says(" (no data)") {
			t.Errorf("%s: texts %v", c.name, d.texts)
		}
		d.inside(t)
	}
}

// A text is text, for search and for readers that speak it, and cannot break out.
func TestTexts(t *testing.T) {
	const evil = `a<b>&"c" ]]>`
	d := draw(t, Plot{
		Title: evil, Alt: evil, X: Axis{Label: evil}, Y: Axis{Label: evil},
		Series: []Series{{Name: evil}}, Marks: []Mark{{0, evil}},
	})
	n := 0
	for _, p := range d.texts {
		if strings.HasPrefix(p.text, evil) {
			n++
		}
	}
	if n != 5 {
		t.Errorf("%d of title, 2 axes, legend and mark: %v", n, d.texts)
	}
}

// Labels of marks stand beside each other or in rows, and no line goes through one
// that has room at its right.
func TestMarks(t *testing.T) {
	p := Plot{Marks: []Mark{{0, "kill -9"}, {1, "started again"}, {25, "far away"}, {50, "at the end"}, {math.NaN(), "never"}}}
	l := p.lay()
	rows := map[string]int{}
	for _, m := range l.marks {
		rows[m.text] = m.row
	}
	want := map[string]int{"kill -9": 1, "started again": 0, "far away": 0, "at the end": 0}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Error(diff)
	}
}

// The axes cover the spread and the marks too, but not the X of what lies across.
func TestFigures(t *testing.T) {
	xs, ys := Plot{
		Series: []Series{{Points: []Point{{1, 5, 4, 9}}}, {Kind: Across, Points: []Point{{X: 77, Y: 3}}}},
		Marks:  []Mark{{X: 8}},
	}.figures()
	if !slices.Equal(xs, []float64{1, 8}) || !slices.Equal(ys, []float64{5, 4, 9, 3}) {
		t.Errorf("x %v, y %v", xs, ys)
	}
}

// The label of the only tick stays on the page.
func TestLongLabel(t *testing.T) {
	draw(t, Plot{Series: []Series{{Points: []Point{{X: 1.3077374652897949e-37, Y: 1}}}}}).inside(t)
}

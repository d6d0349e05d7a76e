package report

import (
	"fmt"
	"slices"
)

// Pixels of the view box. It is as wide as a phone; on a screen the picture is
// shown half as big again.
const (
	pageWidth  = 360
	areaHeight = 200
	edge       = 10
	titleSize  = 14
	rowHeight  = 18
	enlarged   = 1.5
)

// A layout is where the parts of a plot are.
type layout struct {
	x, y   scale
	xTicks []float64
	yTicks []float64
	titles []string
	legend []entry
	marks  []label
	yLabel float64 // the line the Y axis' label is on
	height float64 // of the page
}

// An entry is a series in the legend.
type entry struct {
	at   point
	text string
}

const sample = 28 // the piece of line before it

// alt is the text in the place of the picture.
func (p Plot) alt() string {
	if p.Alt == "" {
		return p.Title
	}
	return p.Alt
}

// svg is the plot as a file.
func (p Plot) svg(document map[string]look) []byte {
	l, looks := p.lay(), p.looks(document)
	var c canvas
	fmt.Fprintf(&c, `<svg xmlns="http://www.w3.org/2000/svg" width="%s" height="%s" viewBox="0 0 %d %s" role="img" font-family="%s" font-size="%d" fill="#222">`+"\n",
		coordinate(enlarged*pageWidth), coordinate(enlarged*l.height), pageWidth, coordinate(l.height), escaped(fonts), fontSize)
	fmt.Fprintf(&c, "<title>%s</title>\n<desc>%s</desc>\n", escaped(p.Title), escaped(p.alt()))
	// a background of its own: the page around it may be dark
	fmt.Fprintf(&c, `<rect x=".5" y=".5" width="%d" height="%s" rx="6" fill="#fff" stroke="#d0d7de"/>`+"\n", pageWidth-1, coordinate(l.height-1))
	for i, title := range l.titles {
		c.text(point{edge, edge + titleSize + float64(i)*rowHeight}, "start", title, fmt.Sprintf(`font-size="%d" font-weight="bold"`, titleSize))
	}
	p.drawLegend(&c, l, looks)
	p.drawAxes(&c, l)
	l.drawMarks(&c)
	for i, s := range p.Series {
		p.drawSpread(&c, l, s, looks[i])
	}
	// whole lines first: what is below a broken one can be seen
	for _, broken := range []bool{false, true} {
		for i, s := range p.Series {
			if (looks[i].dashes() != "") == broken {
				p.drawSeries(&c, l, s, looks[i])
			}
		}
	}
	c.WriteString("</svg>\n")
	return c.Bytes()
}

func (p Plot) drawLegend(c *canvas, l layout, looks []look) {
	for i, e := range l.legend {
		from, to := point{e.at.x, e.at.y - 4}, point{e.at.x + sample, e.at.y - 4}
		c.line(from, to, looks[i].line())
		if p.Series[i].few() {
			looks[i].marker(c, point{(from.x + to.x) / 2, from.y})
		}
		c.text(point{to.x + 5, e.at.y}, "start", e.text, "")
	}
}

func (p Plot) drawAxes(c *canvas, l layout) {
	const grid, frame = `stroke="#e4e7eb"`, `stroke="#8c959f"`
	c.text(point{edge, l.yLabel}, "start", cut(p.Y.Label, pageWidth-2*edge, fontSize), `fill="#57606a"`)
	for _, v := range l.yTicks {
		y := l.y.at(v)
		c.line(point{l.x.from, y}, point{l.x.to, y}, grid)
		c.text(point{l.x.from - 6, y + 4}, "end", number(v), "")
	}
	for _, v := range l.xTicks {
		x := l.x.at(v)
		c.line(point{x, l.y.to}, point{x, l.y.from}, grid)
		c.line(point{x, l.y.from}, point{x, l.y.from + 4}, frame)
		x = min(x, pageWidth-2-width(number(v), fontSize)/2) // a label that is alone may be long
		c.text(point{x, l.y.from + 17}, "middle", number(v), "")
	}
	c.line(point{l.x.from, l.y.from}, point{l.x.to, l.y.from}, frame)
	c.text(point{(l.x.from + l.x.to) / 2, l.y.from + 36}, "middle", cut(p.X.Label, l.x.to-l.x.from, fontSize), `fill="#57606a"`)
}

func (p Plot) drawSeries(c *canvas, l layout, s Series, k look) {
	for _, run := range s.shown(p.X, p.Y) {
		if s.Kind == Across || len(run) > 1 {
			c.path(l.trace(run, s.Kind, height), k.line())
		}
		if s.few() || s.Kind != Across && len(run) == 1 {
			for _, q := range run {
				k.marker(c, point{l.x.at(q.X), l.y.at(q.Y)})
			}
		}
	}
}

// drawSpread draws bars at single points, or a band along many.
func (p Plot) drawSpread(c *canvas, l layout, s Series, k look) {
	bar := fmt.Sprintf(`stroke=%q stroke-width="1.5" opacity=".7"`, k.colour())
	for _, run := range s.shown(p.X, p.Y) {
		if !slices.ContainsFunc(run, func(q Point) bool { return q.spread(p.Y) }) {
			continue
		}
		if !s.few() {
			upper := l.trace(run, s.Kind, func(q Point) float64 { return q.bound(q.High, p.Y) })
			lower := l.trace(run, s.Kind, func(q Point) float64 { return q.bound(q.Low, p.Y) })
			slices.Reverse(lower)
			c.path(append(upper, lower...), fmt.Sprintf(`fill=%q opacity=".18"`, k.colour()))
			continue
		}
		for _, q := range run {
			if q.spread(p.Y) {
				x, low, high := l.x.at(q.X), l.y.at(q.Low), l.y.at(q.High)
				c.line(point{x, low}, point{x, high}, bar)
				c.line(point{x - 4, low}, point{x + 4, low}, bar)
				c.line(point{x - 4, high}, point{x + 4, high}, bar)
			}
		}
	}
}

// bound is an end of the point's spread, or its figure if it has none.
func (p Point) bound(end float64, y Axis) float64 {
	if p.spread(y) {
		return end
	}
	return p.Y
}

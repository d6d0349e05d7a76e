package report

import (
	"fmt"
	"math"
)

// colours are Okabe and Ito's, which the colour-blind can tell apart, those with
// the most contrast to white first; their yellow has too little.
var colours = []string{"#0072b2", "#d55e00", "#009e73", "#b0528c", "#333333", "#e69f00", "#56b4e9"}

var dashes = []string{"", "7 3", "2 2.5", "9 3 2 3", "4 2", "14 3", "6 2 2 2 2 2"}

// A look is how a series is drawn: colour, dashes and markers differ together, so
// that each suffices.
type look int

// looks gives every name of a series in the document its own.
func (d Document) looks() map[string]look {
	looks := map[string]look{}
	for p := range d.plots() {
		for _, s := range p.Series {
			if _, known := looks[s.Name]; !known {
				looks[s.Name] = look(len(looks))
			}
		}
	}
	return looks
}

// looks are those of the plot's series: the document's, unless a colour would be
// there twice.
func (p Plot) looks(document map[string]look) (looks []look) {
	taken := map[string]bool{}
	for i, s := range p.Series {
		l := document[s.Name]
		for i < len(colours) && taken[l.colour()] {
			l++
		}
		taken[l.colour()] = true
		looks = append(looks, l)
	}
	return looks
}

// again is how often the colours were used up before this one.
func (l look) again() int { return int(l) / len(colours) }

func (l look) colour() string { return colours[int(l)%len(colours)] }

func (l look) dashes() string { return dashes[(int(l)+l.again())%len(dashes)] }

// line is the attributes of a line.
func (l look) line() string {
	a := fmt.Sprintf(`fill="none" stroke=%q stroke-width="2" stroke-linejoin="round"`, l.colour())
	if d := l.dashes(); d != "" {
		a += fmt.Sprintf(` stroke-dasharray=%q`, d)
	}
	return a
}

// markers are regular polygons and stars: corners, the turn of the first one from
// the right, how far the corners are from the middle, and every second one.
var markers = []struct {
	corners      int
	turn         float64
	outer, inner float64
}{
	{16, 0, 4, 4}, {4, .125, 4.8, 4.8}, {3, -.25, 5, 5}, {4, 0, 4.8, 4.8},
	{3, .25, 5, 5}, {10, -.25, 5.6, 2.5}, {8, 0, 5.4, 2},
}

// marker draws the series' marker around a point.
func (l look) marker(c *canvas, at point) {
	m := markers[(int(l)+l.again())%len(markers)]
	corners := make([]point, m.corners)
	for i := range corners {
		radius := m.outer
		if i%2 == 1 {
			radius = m.inner
		}
		sin, cos := math.Sincos(2 * math.Pi * (m.turn + float64(i)/float64(m.corners)))
		corners[i] = point{at.x + radius*cos, at.y + radius*sin}
	}
	fmt.Fprintf(c, "<path d=%q fill=%q stroke=\"#fff\" stroke-width=\".8\"/>\n", outline(corners)+"Z", l.colour())
}

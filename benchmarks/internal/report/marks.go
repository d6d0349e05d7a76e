package report

import (
	"cmp"
	"fmt"
	"slices"
)

// A label is a [Mark] with its label, which stands right of the line's top.
type label struct {
	x           float64 // of the line
	left, right float64 // of the label
	row         int     // of the label: 0 is right above the data
	text        string
}

// layMarks sets the labels in rows, so that none is over another or over a line,
// and returns the number of rows.
func (l *layout) layMarks(p Plot) (rows int) {
	for _, m := range p.Marks {
		if !p.X.shows(m.X) {
			continue
		}
		text := cut(m.Label, pageWidth-2*edge, fontSize*boldly)
		w := width(text, fontSize*boldly)
		x := l.x.at(m.X)
		left := min(x-2, pageWidth-edge-w)
		l.marks = append(l.marks, label{x: x, left: left, right: left + w, text: text})
	}
	// from the right: a line reaches up to its own row and no higher, so a label
	// that would touch it goes above it
	slices.SortStableFunc(l.marks, func(a, b label) int { return cmp.Compare(b.x, a.x) })
	for i := range l.marks {
		m := &l.marks[i]
		for _, other := range l.marks[:i] {
			if min(other.x, other.left) < m.right+6 {
				m.row = max(m.row, other.row+1)
			}
		}
		rows = max(rows, m.row+1)
	}
	return rows
}

func (l layout) drawMarks(c *canvas) {
	foot := func(m label) float64 { return l.y.to - 6 - float64(m.row)*rowHeight }
	for _, m := range l.marks {
		c.line(point{m.x, foot(m) + 3}, point{m.x, l.y.from}, `stroke="#57606a" stroke-width="1.5" stroke-dasharray="3 3"`)
	}
	for _, m := range l.marks {
		// at the page's right end a label may stand left of its line, before others
		fmt.Fprintf(c, `<rect x="%s" y="%s" width="%s" height="%d" fill="#fff"/>`+"\n",
			coordinate(m.left), coordinate(foot(m)-11), coordinate(m.right-m.left), rowHeight-4)
		c.text(point{m.left, foot(m)}, "start", m.text, `font-weight="bold" fill="#57606a"`)
	}
}

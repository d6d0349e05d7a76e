package report

import (
	"math"
	"slices"
	"strconv"
)

// lay finds a place for everything.
func (p Plot) lay() (l layout) {
	l.titles = wrap(p.Title, pageWidth-2*edge, titleSize*boldly)
	below := l.layLegend(p, edge+float64(len(l.titles))*rowHeight)
	l.yLabel = below + rowHeight + 6

	xs, ys := p.figures()
	l.x, l.y = p.X.fit(xs, true), p.Y.fit(ys, false)
	l.yTicks = l.y.ticks(6)
	left := 0.
	for _, v := range l.yTicks {
		left = max(left, width(number(v), fontSize))
	}
	l.x.from, l.x.to = edge+left+6, pageWidth-edge-4
	l.layXTicks(p)

	top := l.yLabel + 14 + float64(l.layMarks(p))*rowHeight
	l.y.from, l.y.to = top+areaHeight, top
	l.height = l.y.from + 36 + edge
	return l
}

// layLegend sets the series' names in rows below y, and returns the last row.
func (l *layout) layLegend(p Plot, y float64) float64 {
	x := pageWidth + 1.
	for _, s := range p.Series {
		text := s.Name
		if len(s.shown(p.X, p.Y)) == 0 {
			text += " (no data)"
		}
		text = cut(text, pageWidth-2*edge-sample-5, fontSize)
		w := sample + 5 + width(text, fontSize)
		if x+w > pageWidth-edge {
			x, y = edge, y+rowHeight
		}
		l.legend = append(l.legend, entry{at: point{x, y}, text: text})
		x += w + 14
	}
	return y
}

// figures are all that the axes must cover.
func (p Plot) figures() (xs, ys []float64) {
	for _, s := range p.Series {
		for _, run := range s.shown(p.X, p.Y) {
			for _, q := range run {
				if s.Kind != Across {
					xs = append(xs, q.X)
				}
				ys = append(ys, q.Y)
				if q.spread(p.Y) {
					ys = append(ys, q.Low, q.High)
				}
			}
		}
	}
	for _, m := range p.Marks {
		xs = append(xs, m.X)
	}
	return xs, ys
}

// layXTicks labels the figures that were measured if they are few and round, else
// as many round ones as have room.
func (l *layout) layXTicks(p Plot) {
	l.xTicks = p.measured()
	for n := 8; len(l.xTicks) == 0 || !l.room(l.xTicks); n-- {
		if l.xTicks = l.x.ticks(n); n == 1 {
			l.xTicks = l.xTicks[:1]
			return
		}
	}
}

// room reports whether labels at the ticks keep apart and on the page.
func (l layout) room(ticks []float64) bool {
	end := 0.
	for _, v := range ticks {
		x, half := l.x.at(v), width(number(v), fontSize)/2
		if x-half < end+8 || x+half > pageWidth-2 {
			return false
		}
		end = x + half
	}
	return true
}

// measured are the points' distinct X, or nil if not all make good labels.
func (p Plot) measured() []float64 {
	const most, digits = 8, 2
	var xs []float64
	for _, s := range p.Series {
		for _, q := range s.Points {
			if s.Kind == Across || !p.X.shows(q.X) || slices.Contains(xs, q.X) {
				continue
			}
			short, _ := strconv.ParseFloat(strconv.FormatFloat(q.X, 'g', digits, 64), 64)
			if len(xs) == most || math.Abs(short-q.X) > 0 {
				return nil
			}
			xs = append(xs, q.X)
		}
	}
	slices.Sort(xs)
	return xs
}

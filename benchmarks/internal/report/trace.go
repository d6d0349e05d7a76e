package report

// few is how many points a series may have for each to be shown by itself.
const few = 16

func (s Series) few() bool { return len(s.Points) <= few && s.Kind != Across }

// spread reports whether the point has one that the axis shows, at least its upper
// end: what is below a log axis ends at its foot.
func (p Point) spread(y Axis) bool {
	return p.Low < p.High && y.shows(p.High) && (y.shows(p.Low) || y.Log && p.Low < tiny)
}

// shown are the points that have a place on the axes, in runs without a gap.
func (s Series) shown(x, y Axis) (runs [][]Point) {
	open := false
	for _, p := range s.Points {
		switch {
		case s.Kind == Across && y.shows(p.Y):
			return [][]Point{{p}}
		case s.Kind != Across && x.shows(p.X) && y.shows(p.Y):
			if !open {
				runs = append(runs, nil)
			}
			last := len(runs) - 1
			runs[last] = append(runs[last], p)
			open = true
		case open:
			last := len(runs) - 1
			if s.Kind == Steps && x.shows(p.X) {
				// the last value holds until here
				p.Y, p.Low, p.High = runs[last][len(runs[last])-1].Y, 0, 0
				runs[last] = append(runs[last], p)
			}
			open = false
		}
	}
	return runs
}

// trace is the line through a run of points at the height that of tells.
func (l layout) trace(run []Point, kind Kind, of func(Point) float64) (corners []point) {
	for i, p := range run {
		at := point{l.x.at(p.X), l.y.at(of(p))}
		switch {
		case kind == Across:
			return []point{{l.x.from, at.y}, {l.x.to, at.y}}
		case kind == Steps && i > 0:
			corners = append(corners, point{at.x, corners[len(corners)-1].y})
		}
		corners = append(corners, at)
	}
	return corners
}

func height(p Point) float64 { return p.Y }

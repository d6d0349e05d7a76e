package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"
)

// A canvas collects the elements of an SVG file.
type canvas struct{ bytes.Buffer }

type point struct{ x, y float64 }

// coordinate has a tenth of a pixel: enough for three times the size, and the same
// on machines that round the last bit differently.
func coordinate(v float64) string {
	return strings.TrimSuffix(strconv.FormatFloat(v, 'f', 1, 64), ".0")
}

// path draws lines from corner to corner; attributes say how.
func (c *canvas) path(corners []point, attributes string) {
	fmt.Fprintf(c, "<path d=%q %s/>\n", outline(corners), attributes)
}

func outline(corners []point) string {
	var b strings.Builder
	last := ""
	for i, p := range corners {
		at := coordinate(p.x) + " " + coordinate(p.y)
		if at == last && i < len(corners)-1 {
			continue // thousands of points share a pixel
		}
		last = at
		b.WriteString(map[bool]string{true: "M", false: "L"}[i == 0] + at)
	}
	return b.String()
}

func (c *canvas) line(from, to point, attributes string) {
	c.path([]point{from, to}, attributes)
}

// text draws a line of text; anchor is where in it x is: start, middle or end.
func (c *canvas) text(at point, anchor, text, attributes string) {
	fmt.Fprintf(c, "<text x=%q y=%q", coordinate(at.x), coordinate(at.y))
	if anchor != "start" {
		fmt.Fprintf(c, " text-anchor=%q", anchor)
	}
	if attributes != "" {
		c.WriteString(" " + attributes)
	}
	fmt.Fprintf(c, ">%s</text>\n", escaped(text))
}

// escaped is text for an element or an attribute.
func escaped(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder takes everything
	return b.String()
}

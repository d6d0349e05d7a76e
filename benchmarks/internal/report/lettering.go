package report

import "strings"

const (
	fontSize = 12
	boldly   = 1.12 // how much wider bold letters are
)

// fonts are those of the reader's system; a file that embeds one is ten times as big.
const fonts = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

// width is how wide a text is at most, in a font of that size. Which font that is
// only the reader's system knows: the figures are those of DejaVu Sans, one of the
// widest.
func width(text string, size float64) (w float64) {
	for _, r := range text {
		switch {
		case strings.ContainsRune(" .,:;'|!ijlI", r), r == '\u00a0':
			w += .34
		case strings.ContainsRune("-/()[]frt\"", r):
			w += .42
		case strings.ContainsRune("mwMW%@", r):
			w += .97
		case r >= 'A' && r <= 'Z':
			w += .72
		case r >= ' ' && r < 0x250:
			w += .635
		default:
			w++
		}
	}
	return w * size
}

// cut is as much of a text as is not wider than room.
func cut(text string, room, size float64) string {
	if width(text, size) <= room {
		return text
	}
	for r := []rune(text); len(r) > 0; r = r[:len(r)-1] {
		if t := string(r) + "…"; width(t, size) <= room {
			return t
		}
	}
	return ""
}

// wrap breaks a text into lines that are not wider than room.
func wrap(text string, room, size float64) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && width(line+" "+word, size) > room {
			lines, line = append(lines, line), ""
		}
		line = cut(strings.TrimSpace(line+" "+word), room, size)
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

package wordcount

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

const (
	wordsPerLine = 10
	vocabulary   = 1000
	textLines    = 4096 // which are repeated
)

// counts are those of one task.
type counts map[string]int

// newText makes lines of ten words, drawn evenly from a thousand of 3 to 9 letters. It is
// the same every time.
func newText() []string {
	r := rand.New(rand.NewPCG(1, 2))
	words := make([]string, vocabulary)
	for i := range words {
		w := make([]byte, 3+r.IntN(7))
		for k := range w {
			w[k] = byte('a' + r.IntN(26))
		}
		words[i] = string(w)
	}
	lines := make([]string, textLines)
	for i := range lines {
		line := make([]string, wordsPerLine)
		for k := range line {
			line[k] = words[r.IntN(vocabulary)]
		}
		lines[i] = strings.Join(line, " ")
	}
	return lines
}

// cut is the first word of s and what follows it.
func cut(s string) (word, rest string) {
	i := strings.IndexByte(s, ' ')
	if i < 0 {
		return s, ""
	}
	return s[:i], s[i+1:]
}

// check compares what tasks counted with a count of its own.
func check(text []string, lines int, got []counts) error {
	want := counts{}
	for i, line := range text {
		times := lines / len(text)
		if i < lines%len(text) {
			times++
		}
		for _, w := range strings.Fields(line) {
			want[w] += times
		}
	}
	total := counts{}
	for _, c := range got {
		for w, n := range c {
			if total[w] > 0 {
				return fmt.Errorf("wordcount: two tasks counted %q", w)
			}
			total[w] = n
		}
	}
	for w, n := range want {
		if total[w] != n {
			return fmt.Errorf("wordcount: %q was counted %d times instead of %d", w, total[w], n)
		}
	}
	return nil
}

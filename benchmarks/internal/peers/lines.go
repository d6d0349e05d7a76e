package peers

import "strings"

// Lines counts the lines of a Go or Java program that somebody had to think of: not
// the blank ones, nor those of comments, imports or the package clause. A line of
// code with a comment behind it counts. Of raw strings and text blocks it knows
// nothing: a line in one that looks like a comment is taken for one.
func Lines(source string) (n int) {
	end := "" // of the block comment or list of imports that is open
	for line := range strings.Lines(source) {
		line = strings.TrimSpace(line)
		if end != "" {
			if strings.HasSuffix(line, end) {
				end = ""
			}
			continue
		}
		switch {
		case line == "", strings.HasPrefix(line, "//"):
		case strings.HasPrefix(line, "/*"):
			if !strings.HasSuffix(line, "*/") {
				end = "*/"
			}
		case line == "import (":
			end = ")"
		case strings.HasPrefix(line, "import "), strings.HasPrefix(line, "package "):
		default:
			n++
		}
	}
	return n
}

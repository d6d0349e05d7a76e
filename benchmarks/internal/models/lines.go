package models

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/waterspout/waterspout/benchmarks/internal/report"
)

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

// A Program is the job as a user of an engine writes it.
type Program struct {
	Engine, Path string
	Lines        int
}

// ReadPrograms counts the lines of Go programs, given by their paths below dir. A
// benchmark that runs elsewhere than at the root of the repository finds none.
func ReadPrograms(dir string, programs ...Program) (found []Program) {
	for _, p := range programs {
		source, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(p.Path)))
		if err != nil {
			continue
		}
		p.Lines = Lines(string(source))
		found = append(found, p)
	}
	return found
}

// written has a row a program.
func (rs Results) written() report.Section {
	t := report.Table{Columns: []string{"engine", "program", "lines"}}
	for _, p := range rs.Programs {
		t.Rows = append(t.Rows, []string{p.Engine, p.Path, fmt.Sprint(p.Lines)})
	}
	if len(t.Rows) == 0 {
		return report.Section{}
	}
	return report.Section{
		Title: "How much there is to write", Tables: []report.Table{t},
		Text: "Lines of the job alone, without blank lines, comments and imports: decode, count, encode, write. The article praises Spark's shortness.",
	}
}

package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	east "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"
	"pgregory.net/rapid"
)

// github is a parser of its dialect.
var github = goldmark.New(goldmark.WithExtensions(extension.GFM))

// read is what a reader sees of a Markdown text: a line for each block.
func read(source []byte) (lines []string) {
	_ = ast.Walk(github.Parser().Parse(text.NewReader(source)), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			lines = append(lines, fmt.Sprintf("h%d %s", n.Level, inline(n, source)))
		case *ast.TextBlock:
			lines = append(lines, "item "+inline(n, source))
		case *ast.Paragraph:
			lines = append(lines, "text "+inline(n, source))
		case *east.TableHeader, *east.TableRow:
			line := "row"
			for c := n.FirstChild(); c != nil; c = c.NextSibling() {
				line += fmt.Sprintf(" %s=%s", c.(*east.TableCell).Alignment, inline(c, source))
			}
			lines = append(lines, line)
		default:
			return ast.WalkContinue, nil
		}
		return ast.WalkSkipChildren, nil
	})
	return lines
}

// inline is the text of a block, with signs for what is more than text.
func inline(n ast.Node, source []byte) string {
	var b bytes.Buffer
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		switch c := c.(type) {
		case *ast.Text:
			b.Write(unescaped(c.Segment.Value(source)))
			if c.SoftLineBreak() {
				b.WriteByte(' ')
			}
		case *ast.Image:
			fmt.Fprintf(&b, "(image %s: %s)", c.Destination, inline(c, source))
		case *ast.Emphasis:
			fmt.Fprintf(&b, "(%d %s)", c.Level, inline(c, source))
		case *ast.CodeSpan:
			fmt.Fprintf(&b, "(code %s)", inline(c, source))
		default:
			fmt.Fprintf(&b, "(%s)", c.Kind())
		}
	}
	return b.String()
}

// unescaped is text without the backslashes before punctuation, which the parser
// leaves to the renderer.
func unescaped(s []byte) []byte {
	var out bytes.Buffer
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && strings.IndexByte("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", s[i+1]) >= 0 {
			i++
		}
		out.WriteByte(s[i])
	}
	return out.Bytes()
}

func TestMarkdown(t *testing.T) {
	got := read(everyKind().markdown("s"))
	want := []string{
		"h1 Two models, one job",
		"text Half of what each can sustain, for (2 30 s).",
		"item (2 machine): 2 cores | 24 GB",
		"item (2 command): go run ./benchmarks models -full",
		"h2 Latency",
		"text From the (1 intended) send time to a reader of the output.",
		"text (image s-load.svg: The topology stays below 10 ms up to 100,000 records/s.)",
		"text (image s-interval.svg: p99 latency against batch interval)",
		"text (image s-distribution.svg: How long records take at half load)",
		"text (2 ms)",
		"row left= right=p50 right=p99 right=p99.9",
		"row left=topology right=1.1 right=2.9 right=5.9",
		"row left=micro-batch | direct right=557 right=1,051 right=",
		"item The generator was late by 1 ms at p99, at most.",
		"item (code GOGC) is 400.",
		"h2 A kill, a scale & an end <to> it",
		"text (image s-kill.svg: kill -9 of the engine at half load: what comes out)",
		"text (image s-tasks.svg: CPU seconds as tasks grow)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Whatever a name is made of, it is shown as it is, and the table keeps its form.
func TestPlain(t *testing.T) {
	name := rapid.StringOf(rapid.SampledFrom([]rune("ab1 .-+=#*_`~|\\<>[]()&;!\n\t\"'é")))
	rapid.Check(t, func(t *rapid.T) {
		cell, title := name.Draw(t, "cell"), name.Draw(t, "title")
		d := Document{Title: "x" + title, Sections: []Section{{Tables: []Table{{
			Columns: []string{"", cell}, Rows: [][]string{{cell, "1"}},
		}}}}}
		shown := strings.Join(strings.Fields(cell), " ")
		want := []string{
			"h1 " + strings.Join(strings.Fields("x"+title), " "),
			"row left= right=" + shown,
			"row left=" + shown + " right=1",
		}
		if diff := cmp.Diff(want, read(d.markdown("s"))); diff != "" {
			t.Fatal(diff)
		}
	})
}

// The parser leaves entities to the renderer.
func TestEntity(t *testing.T) {
	if got := plain("&lt;"); got != `\&lt;` {
		t.Errorf("entity written as %s", got)
	}
}

func TestWordsStandLeft(t *testing.T) {
	for words, want := range map[bool]string{false: "|:---|---:|", true: "|:---|:---|"} {
		var m markdown
		m.table(Table{Columns: []string{"when", "what"}, Rows: [][]string{{"a", "b"}}, Words: words})
		if !strings.Contains(m.String(), want) {
			t.Errorf("words %t: no %s in\n%s", words, want, &m)
		}
	}
}

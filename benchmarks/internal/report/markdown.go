package report

import (
	"bytes"
	"fmt"
	"strings"
)

// markdown is the document in GitHub's dialect, with links to the plots' files.
func (d Document) markdown(stem string) []byte {
	var m markdown
	m.block("# " + plain(d.Title))
	m.block(d.Lead)
	var facts []string
	for _, f := range d.Facts {
		facts = append(facts, "**"+plain(f[0])+"**: "+plain(f[1]))
	}
	m.list(facts)
	for _, s := range d.Sections {
		if s.Title != "" {
			m.block("## " + plain(s.Title))
		}
		m.block(s.Text)
		for _, p := range s.Plots {
			m.block("![" + plain(p.alt()) + "](" + plotFile(stem, p) + ")")
		}
		for _, t := range s.Tables {
			m.table(t)
		}
		m.list(s.Notes)
	}
	return m.Bytes()
}

// markdown is text of blocks with an empty line between them.
type markdown struct{ bytes.Buffer }

func (m *markdown) block(text string) {
	text = strings.TrimSpace(text)
	if text == "" {
		return
	}
	if m.Len() > 0 {
		m.WriteByte('\n')
	}
	m.WriteString(text + "\n")
}

func (m *markdown) list(items []string) {
	var b strings.Builder
	for _, item := range items {
		// lines of an item that are not indented would end the list
		fmt.Fprintf(&b, "- %s\n", strings.ReplaceAll(strings.TrimSpace(item), "\n", "\n  "))
	}
	m.block(b.String())
}

func (m *markdown) table(t Table) {
	if len(t.Columns) == 0 {
		return
	}
	if t.Title != "" {
		m.block("**" + plain(t.Title) + "**")
	}
	var b strings.Builder
	row := func(cells []string) {
		for i := range t.Columns {
			cell := ""
			if i < len(cells) {
				cell = plain(cells[i])
			}
			b.WriteString("| " + cell + " ")
		}
		b.WriteString("|\n")
	}
	row(t.Columns)
	others := "|---:"
	if t.Words {
		others = "|:---"
	}
	b.WriteString("|:---" + strings.Repeat(others, len(t.Columns)-1) + "|\n")
	for _, cells := range t.Rows {
		row(cells)
	}
	m.block(b.String())
}

// special is what means something to Markdown inside a line.
var special = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`,
	"<", `\<`, ">", `\>`, "|", `\|`, "~", `\~`, "&", `\&`, "#", `\#`,
)

// plain is text that Markdown shows as it is, on one line.
func plain(text string) string { return special.Replace(strings.Join(strings.Fields(text), " ")) }

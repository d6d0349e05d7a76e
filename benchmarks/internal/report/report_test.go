package report

import (
	"bytes"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const golden = "testdata/golden"

var update = flag.Bool("update", false, "write the golden files")

// files are the contents of a directory.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(content)
	}
	return all
}

func TestGolden(t *testing.T) {
	dir := t.TempDir()
	if *update {
		dir = golden
	}
	if err := everyKind().Write(dir, "everykind"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(files(t, golden), files(t, dir)); diff != "" {
		t.Errorf("not as in %s (-update writes it): %s", golden, diff)
	}
}

func TestWriteAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b") // does not exist
	d := Document{Title: "one", Sections: []Section{{Plots: []Plot{{Name: "p"}}}}}
	if err := d.Write(dir, "x"); err != nil {
		t.Fatal(err)
	}
	before := files(t, dir)
	if names := slices.Sorted(maps.Keys(before)); !slices.Equal(names, []string{"x-p.svg", "x.md"}) {
		t.Errorf("wrote %q", names)
	}
	d.Title = "two"
	if err := d.Write(dir, "x"); err != nil {
		t.Fatal(err)
	}
	after := files(t, dir)
	if len(after) != 2 || after["x.md"] != "# two\n\n![](x-p.svg)\n" || after["x-p.svg"] != before["x-p.svg"] {
		t.Errorf("wrote %q", after)
	}
	if info, err := os.Stat(filepath.Join(dir, "x.md")); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// What cannot be replaced stays as it was, and nothing else is left behind.
func TestReplaceFails(t *testing.T) {
	dir := t.TempDir()
	inTheWay := filepath.Join(dir, "x.md", "file")
	if err := os.MkdirAll(inTheWay, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := (Document{}).Write(dir, "x"); err == nil || !strings.HasPrefix(err.Error(), "report: ") {
		t.Errorf("error: %v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
	if _, err := os.Stat(inTheWay); err != nil {
		t.Error(err)
	}
}

func TestCheck(t *testing.T) {
	plots := func(names ...string) Document {
		var d Document
		for _, n := range names {
			d.Sections = append(d.Sections, Section{Plots: []Plot{{Name: n}}})
		}
		return d
	}
	long := Document{Sections: []Section{{Tables: []Table{{Title: "t", Columns: []string{"a"}, Rows: [][]string{{"1"}, {"1", "2"}}}}}}}
	for _, c := range []struct {
		document   Document
		stem, want string
	}{
		{Document{}, "../x", `report: "../x" is no file name: want letters, digits, '.', '_' and '-'`},
		{Document{}, "", `report: "" is no file name: want letters, digits, '.', '_' and '-'`},
		{plots("a/b"), "x", `report: plot "a/b": want a name of a-z, 0-9 and '-'`},
		{plots("a", "b", "a"), "x", `report: two plots are named "a"`},
		{long, "x", `report: table "t": row 2 has 2 cells for 1 columns`},
	} {
		dir := t.TempDir()
		if err := c.document.Write(dir, c.stem); err == nil || err.Error() != c.want {
			t.Errorf("error %v, want %s", err, c.want)
		}
		if wrote := files(t, dir); len(wrote) > 0 {
			t.Errorf("wrote %v before %s", wrote, c.want)
		}
	}
}

// The order in a map must not show.
func TestSameBytes(t *testing.T) {
	d := everyKind()
	for p := range d.plots() {
		want := p.svg(d.looks())
		for range 20 {
			if !bytes.Equal(want, p.svg(d.looks())) {
				t.Fatalf("plot %s differs", p.Name)
			}
		}
	}
}

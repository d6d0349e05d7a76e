package report

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

var (
	stemForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)
)

// Write writes the document to dir, which it creates if need be: stem.md, and
// stem-NAME.svg for each [Plot]. Each file is replaced at once or not at all, the
// Markdown last, so that a reader never finds one that is half written or lacks
// its plots. It returns an error before anything is written if the stem or a
// plot's name is no file name, if two plots have one name, or if a table's row is
// longer than its columns.
func (d Document) Write(dir, stem string) error {
	if err := d.check(stem); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	looks := d.looks()
	for p := range d.plots() {
		if err := replace(filepath.Join(dir, plotFile(stem, p)), p.svg(looks)); err != nil {
			return fmt.Errorf("report: plot %s: %w", p.Name, err)
		}
	}
	if err := replace(filepath.Join(dir, stem+".md"), d.markdown(stem)); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

func plotFile(stem string, p Plot) string { return stem + "-" + p.Name + ".svg" }

// plots yields the plots of all sections.
func (d Document) plots() func(yield func(Plot) bool) {
	return func(yield func(Plot) bool) {
		for _, s := range d.Sections {
			for _, p := range s.Plots {
				if !yield(p) {
					return
				}
			}
		}
	}
}

func (d Document) check(stem string) error {
	if !stemForm.MatchString(stem) {
		return fmt.Errorf("%q is no file name: want letters, digits, '.', '_' and '-'", stem)
	}
	seen := map[string]bool{}
	for p := range d.plots() {
		if !nameForm.MatchString(p.Name) {
			return fmt.Errorf("plot %q: want a name of a-z, 0-9 and '-'", p.Name)
		}
		if seen[p.Name] {
			return fmt.Errorf("two plots are named %q", p.Name)
		}
		seen[p.Name] = true
	}
	for _, s := range d.Sections {
		for _, t := range s.Tables {
			for i, row := range t.Rows {
				if len(row) > len(t.Columns) {
					return fmt.Errorf("table %q: row %d has %d cells for %d columns", t.Title, i+1, len(row), len(t.Columns))
				}
			}
		}
	}
	return nil
}

// replace puts a file in the place of path, whole or not at all.
func replace(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Chmod(0o644) // a temporary file is its owner's alone
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

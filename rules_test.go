package waterspout_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestRulesAreNamed: every rule of docs/protocol.md is named where the code keeps it.
// The simulation, which builds the shell again, does not count.
func TestRulesAreNamed(t *testing.T) {
	page, err := os.ReadFile("docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	rules := regexp.MustCompile(`(?m)^\| \**([A-Z]\d+)\b`).FindAllStringSubmatch(string(page), -1)
	if len(rules) < 40 {
		t.Fatalf("the page has %d rules", len(rules))
	}
	named := map[string]bool{}
	id := regexp.MustCompile(`\b[A-Z]\d+\b`)
	err = filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (path == "internal/simulation" || path == "benchmarks" || d.Name() == "testdata"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		source, err := os.ReadFile(path)
		for _, name := range id.FindAllString(string(source), -1) {
			named[name] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules {
		if !named[r[1]] {
			t.Errorf("no code names the rule %s", r[1])
		}
	}
}

package waterspout_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestREADMECode: every block of Go in the README is a copy of code that is
// compiled and run; the comment before it says whose.
func TestREADMECode(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)(<!-- (\\S+) -->\n)?```go\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	if len(blocks) == 0 {
		t.Fatal("the README has no Go code")
	}
	for _, b := range blocks {
		if b[2] == "" {
			t.Errorf("no <!-- file --> before\n%s", b[3])
			continue
		}
		source, err := os.ReadFile(b[2])
		if err != nil {
			t.Error(err)
		} else if !strings.Contains(string(source), b[3]) {
			t.Errorf("%s does not have\n%s", b[2], b[3])
		}
	}
}

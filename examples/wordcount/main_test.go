package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
)

// Each word is counted up to as often as it occurs, in whatever order the tasks
// come to it.
func TestFinalCounts(t *testing.T) {
	final := map[string]int{}
	lines := strings.Split(strings.TrimSpace(printed(t, main)), "\n")
	for _, line := range lines {
		var word string
		var n int
		if _, err := fmt.Sscan(line, &word, &n); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if n != final[word]+1 {
			t.Errorf("%s went from %d to %d", word, final[word], n)
		}
		final[word] = n
	}
	if got, want := fmt.Sprint(final), "map[be:2 not:1 or:1 to:2]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// printed is what f writes to standard output, which a pipe holds.
func printed(t *testing.T, f func()) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	defer func() { os.Stdout = stdout }()
	os.Stdout = w
	f()
	w.Close()
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

package wordcount

import (
	"strings"
	"testing"
)

func TestContendersAgree(t *testing.T) {
	for _, name := range []string{"acked", "unacked", "handwritten"} {
		for _, tasks := range []int{1, 3} {
			u, err := Run(t.Context(), Spec{Contender: name, Lines: 10_007, Tasks: tasks})
			if err != nil {
				t.Fatalf("%s with %d tasks: %v", name, tasks, err)
			}
			if want := uint64(10_007 * TuplesPerLine); u.Count != want || u.Seconds <= 0 {
				t.Errorf("%s: usage %+v, want a count of %d", name, u, want)
			}
		}
	}
}

func TestUnknownContender(t *testing.T) {
	if _, err := Run(t.Context(), Spec{Contender: "storm", Lines: 1, Tasks: 1}); err == nil {
		t.Error("no error")
	}
}

func TestCheckSees(t *testing.T) {
	text := newText()
	good, err := handwritten(t.Context(), text, 5000, 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := check(text, 5000, good); err != nil {
		t.Fatal(err)
	}
	word, _ := cut(text[0])
	for _, c := range good {
		if c[word] > 0 {
			c[word]--
		}
	}
	if err := check(text, 5000, good); err == nil || !strings.Contains(err.Error(), word) {
		t.Errorf("a word too few is reported as %v", err)
	}
}

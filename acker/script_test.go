package acker

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/waterspout/waterspout/tuple"
)

var rewrite = flag.Bool("rewrite", false, "write what the scripts in testdata print into them")

// TestScripts runs testdata/*.txt, the readable specification of the ledger and
// the window: a line is a command, the lines behind it that start with > are what
// it prints.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(string(want))
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", file, diff)
			}
		})
	}
}

// play is script with the answers that it gets today.
func play(script string) string {
	var out strings.Builder
	s := stage{roots: map[string]tuple.Root{}}
	for line := range strings.Lines(script) {
		if strings.HasPrefix(line, ">") {
			continue
		}
		out.WriteString(line)
		if words := strings.Fields(line); len(words) > 0 && words[0] != "#" {
			for _, answer := range s.do(words[0], arguments(words[1:])) {
				out.WriteString("> " + answer + "\n")
			}
		}
	}
	return out.String()
}

// arguments are those of a command: name=value, or by their place from 0.
type args map[string]string

func arguments(words []string) args {
	a := args{}
	for i, w := range words {
		if name, value, ok := strings.Cut(w, "="); ok {
			a[name] = value
		} else {
			a[strconv.Itoa(i)] = w
		}
	}
	return a
}

// number reads a number or a duration, 0 if it is not given.
func (a args) number(name string) int64 {
	if d, err := time.ParseDuration(a[name]); err == nil {
		return int64(d)
	}
	n, err := strconv.ParseInt(a[name], 0, 64)
	if err != nil && a[name] != "" {
		panic(err)
	}
	return n
}

// A stage is what a script plays with.
type stage struct {
	ledger *Ledger
	window *Window
	roots  map[string]tuple.Root
	now    int64
}

func (s *stage) do(command string, a args) []string {
	switch command {
	case "at": // at TIME
		s.now = a.number("0")
	case "ledger": // ledger instance=1 max=4: as a process that starts makes it
		s.ledger = New(uint32(a.number("instance")), int(a.number("max")))
	case "window": // window max=100 timeout=30s
		s.window = NewWindow(int(a.number("max")), a.number("timeout"))
		return s.sizes()
	case "expired", "acked", "false":
		return s.teach(command, a)
	default:
		return s.tell(command, a)
	}
	return nil
}

// tell gives a message to the ledger.
func (s *stage) tell(command string, a args) []string {
	switch command {
	case "open": // open ROOT id=7 word=0b11
		root, ok := s.ledger.Open(uint64(a.number("id")), uint64(a.number("word")), s.now)
		if !ok {
			return []string{"full"}
		}
		s.roots[a["0"]] = root
		return []string{"root " + root.String()}
	case "pair": // pair ROOT 0b1
		return told(s.ledger.Pair(Pair{s.roots[a["0"]], uint64(a.number("1"))}, s.now))
	case "fail": // fail ROOT
		return told(s.ledger.Fail(s.roots[a["0"]]))
	case "expire": // expire idle=30s age=5m
		ended, next := s.ledger.Expire(nil, s.now, a.number("idle"), a.number("age"))
		return append(ids(ended), fmt.Sprintf("next %v", time.Duration(next)))
	case "failall":
		return ids(s.ledger.FailAll(nil))
	case "len":
		return []string{fmt.Sprintf("%d open, oldest from %v", s.ledger.Len(), time.Duration(s.ledger.Oldest()))}
	}
	panic("no such command: " + command)
}

// teach gives an event to the window.
func (s *stage) teach(command string, a args) []string {
	switch command {
	case "expired": // expired [times=3]
		for range max(a.number("times"), 1) {
			s.window.Expired(s.now)
		}
	case "acked": // acked N
		s.window.Acked(int(a.number("0")))
	case "false": // false [times=3]
		for range max(a.number("times"), 1) {
			s.window.False()
		}
	}
	return s.sizes()
}

func (s *stage) sizes() []string {
	return []string{fmt.Sprintf("size %d timeout %v", s.window.Size(), time.Duration(s.window.Timeout()))}
}

func told(e Ended, event Event) []string {
	name := [...]string{"pending", "done", "late", "false"}[event]
	if event == Done {
		name += fmt.Sprintf(" id=%d", e.ID)
	}
	return []string{name}
}

func ids(ended []Ended) (lines []string) {
	for _, e := range ended {
		lines = append(lines, fmt.Sprintf("ended id=%d", e.ID))
	}
	return lines
}

// TestEveryRuleHasAScript keeps the specification whole.
func TestEveryRuleHasAScript(t *testing.T) {
	missing := map[string]bool{}
	for _, rule := range []string{"L1", "L2", "L3", "L4", "L5", "L6", "L7", "L8", "O1", "O3", "O4"} {
		missing[rule] = true
		files, _ := filepath.Glob("testdata/" + rule + "-*.txt")
		if len(files) > 0 {
			delete(missing, rule)
		}
	}
	for rule := range maps.Keys(missing) {
		t.Errorf("no script testdata/%s-*.txt", rule)
	}
}

package peers

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// part is the variable that has this program play another one.
const part = "WATERSPOUT_PEERS_PART"

func TestMain(m *testing.M) {
	switch os.Getenv(part) {
	case "java":
		os.Exit(playJava())
	case "mvn":
		os.Exit(playMaven())
	case "parent":
		os.Exit(playParent())
	}
	goleak.VerifyTestMain(m)
}

// playJava does what the programs promise of their standard input.
func playJava() int {
	fmt.Println("first line\n\tat a stack\nlast line\n\tat a stack")
	for s := bufio.NewScanner(os.Stdin); s.Scan(); {
		if s.Text() == "stop" {
			return 0
		}
	}
	return 3
}

// playMaven fails where a file named fail is beside it, and else makes one jar.
func playMaven() int {
	if _, err := os.Stat("fail"); err == nil {
		fmt.Println("a warning\n[ERROR] no such artifact\n[ERROR] more")
		return 1
	}
	for _, arg := range os.Args {
		if lib, ok := strings.CutPrefix(arg, "-DoutputDirectory="); ok {
			if err := os.MkdirAll(lib, 0o755); err != nil {
				return 2
			}
			if err := os.WriteFile(filepath.Join(lib, "a.jar"), nil, 0o644); err != nil {
				return 3
			}
		}
	}
	return 0
}

func self(t *testing.T, role string) string {
	t.Helper()
	t.Setenv(part, role)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}

package peers

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"

	"github.com/waterspout/waterspout/internal/realkafka"
)

// atLeast is the oldest Java that the peers run on, and the one they are compiled for.
const atLeast = 17

// tools are the commands that building and running need.
type tools struct{ java, mvn string }

func findTools(ctx context.Context) (tools, error) {
	var t tools
	for program, path := range map[string]*string{"java": &t.java, "mvn": &t.mvn} {
		var err error
		if *path, err = exec.LookPath(program); err != nil {
			return tools{}, fmt.Errorf("peers: no %s in PATH: %w", program, realkafka.ErrMissing)
		}
	}
	said, err := exec.CommandContext(ctx, t.java, "-version").CombinedOutput()
	if err != nil {
		return tools{}, fmt.Errorf("peers: java -version: %w", err)
	}
	if v, ok := javaVersion(string(said)); ok && v < atLeast {
		return tools{}, fmt.Errorf("peers: %s is Java %d: %w", t.java, v, realkafka.ErrMissing)
	}
	return t, nil
}

var versionLine = regexp.MustCompile(`version "(?:1\.)?(\d+)`)

// javaVersion is the main version in what java -version says.
func javaVersion(said string) (int, bool) {
	found := versionLine.FindStringSubmatch(said)
	if found == nil {
		return 0, false
	}
	v, err := strconv.Atoi(found[1])
	return v, err == nil
}

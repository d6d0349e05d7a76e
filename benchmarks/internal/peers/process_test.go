package peers

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waterspout/waterspout/benchmarks/internal/models"
)

func startFake(t *testing.T, ctx context.Context, j models.Job) (models.Process, error) {
	t.Helper()
	return start(ctx, self(t, "java"), "/built", t.TempDir(), Peers()[0], j)
}

func TestStopAsksAndWaits(t *testing.T) {
	p, err := startFake(t, t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	if n, tells := p.Attempts(); n != 0 || tells {
		t.Errorf("attempts %d, %v", n, tells)
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
}

func TestKillKills(t *testing.T) {
	p, err := startFake(t, t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Kill(); err != nil {
		t.Error(err)
	}
	if state := p.(*process).cmd.ProcessState; state.Exited() {
		t.Errorf("it ended by itself: %v", state)
	}
}

// The end of its input is the end of the process, and one that ended by itself is
// an error with what it said last.
func TestAProcessThatEndedIsAnError(t *testing.T) {
	for name, end := range map[string]func(models.Process) error{"stop": models.Process.Stop, "kill": models.Process.Kill} {
		p, err := startFake(t, t.Context(), job)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.(*process).in.Close(); err != nil {
			t.Fatal(err)
		}
		awaitEnd(t, p.Pid())
		err = end(p)
		if err == nil || !strings.Contains(err.Error(), "exit status 3: last line (") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// awaitEnd returns when a process has ended, whether its parent knows it or not.
func awaitEnd(t *testing.T, pid int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	awaitTrue(ctx, t, func() bool { return !alive(pid) })
}

func TestAContextEndsIt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p, err := startFake(t, ctx, job)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	awaitEnd(t, p.Pid())
	if err := p.Stop(); err == nil {
		t.Error("stopped in order")
	}
}

func TestStartRefuses(t *testing.T) {
	poisoned := job
	poisoned.Scale.Poison = 10
	if _, err := startFake(t, t.Context(), poisoned); err == nil || !strings.Contains(err.Error(), "poison") {
		t.Errorf("poison: %v", err)
	}
	_, err := start(t.Context(), filepath.Join(t.TempDir(), "java"), "/built", t.TempDir(), Peers()[0], job)
	if err == nil || !strings.Contains(err.Error(), Peers()[0].Name) {
		t.Errorf("no java: %v", err)
	}
}

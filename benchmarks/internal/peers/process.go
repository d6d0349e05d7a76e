package peers

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/waterspout/waterspout/benchmarks/internal/models"
)

// patience is how long a virtual machine may take to stop. A batch of a backlog has
// to be finished in it.
const patience = 2 * time.Minute

// process is a peer at work.
type process struct {
	name string
	cmd  *exec.Cmd
	in   io.WriteCloser // its end ends the process, also when ours is the end
	log  *os.File
}

func start(ctx context.Context, java, built, dir string, p Peer, j models.Job) (models.Process, error) {
	if j.Scale.Poison > 0 {
		return nil, fmt.Errorf("peers: %s has no poison", p.Name)
	}
	state := stateDir(dir, j)
	if err := os.MkdirAll(filepath.Join(state, "tmp"), 0o755); err != nil {
		return nil, fmt.Errorf("peers: %w", err)
	}
	log, err := os.OpenFile(filepath.Join(state, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("peers: %w", err)
	}
	cmd := exec.CommandContext(ctx, java, p.arguments(built, state, j)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = state, log, log // Storm writes into its working directory
	_, _ = fmt.Fprintln(log, cmd)                     // what fails here fails below
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		_ = log.Close() // the error before it is the one to tell
		return nil, fmt.Errorf("peers: start %s: %w", p.Name, err)
	}
	return &process{name: p.Name, cmd: cmd, in: in, log: log}, nil
}

func (p *process) Pid() int { return p.cmd.Process.Pid }

func (p *process) Attempts() (uint64, bool) { return 0, false }

// Stop takes up to two minutes; after that it kills, which is an error.
func (p *process) Stop() error {
	_, _ = io.WriteString(p.in, "stop\n") // Wait tells of a process that has ended
	late := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	err := p.cmd.Wait()
	return errors.Join(p.explain(err), p.log.Close())
}

func (p *process) Kill() error {
	err := p.cmd.Process.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		err = nil // Wait tells how it ended
	}
	ended := p.cmd.Wait()
	if p.cmd.ProcessState != nil && !p.cmd.ProcessState.Exited() {
		ended = nil // by a signal, as it should
	}
	return errors.Join(err, p.explain(ended), p.log.Close())
}

// explain adds what the log says last to the error of a process that ended badly.
func (p *process) explain(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("peers: %s: %w: %s (all of it in %s)", p.name, err, lastWord(p.log.Name()), p.log.Name())
}

// lastWord is the last line of a log that is not of a stack trace, cut to what one
// can read.
func lastWord(path string) (last string) {
	f, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if line := s.Text(); line != "" && !strings.HasPrefix(line, "\t") {
			last = line
		}
	}
	return last[:min(len(last), 300)]
}

package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// patience is how long a child may take to end once its pipe is closed.
const patience = 10 * time.Second

// A Child is this program in a process of its own.
type Child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	enc *json.Encoder
	dec *json.Decoder
}

// Spawn starts a child with more variables in its environment. It is killed
// when ctx ends. Its standard error is ours.
func Spawn(ctx context.Context, env ...string) (*Child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, childArgument)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = os.Stderr
	cmd.WaitDelay = patience
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a child process: %w", err)
	}
	return &Child{cmd: cmd, in: in, enc: json.NewEncoder(in), dec: json.NewDecoder(out)}, nil
}

// Pid is the child's process id.
func (c *Child) Pid() int { return c.cmd.Process.Pid }

// Close ends the child and waits for it.
func (c *Child) Close() error {
	_ = c.in.Close() // the child ends on it; Wait tells whether it did
	kill := time.AfterFunc(patience, func() { _ = c.cmd.Process.Kill() })
	defer kill.Stop()
	return c.cmd.Wait()
}

// Call has the child run the function registered as name, and waits for its
// result.
func Call[R any](c *Child, name string, arg any) (R, error) {
	var result R
	raw, err := json.Marshal(arg)
	if err != nil {
		return result, err
	}
	if err := c.enc.Encode(request{Name: name, Arg: raw}); err != nil {
		return result, fmt.Errorf("%s: the child process is gone: %w", name, err)
	}
	var r reply
	if err := c.dec.Decode(&r); err != nil {
		return result, fmt.Errorf("%s: the child process ended without an answer: %w", name, err)
	}
	if r.Err != "" {
		return result, fmt.Errorf("%s: %w", name, errors.New(r.Err))
	}
	return result, json.Unmarshal(r.Result, &result)
}

// Kill ends the child with SIGKILL and waits for its end.
func (c *Child) Kill() error {
	if err := c.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	err := c.cmd.Wait()
	if _, ok := errors.AsType[*exec.ExitError](err); ok || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// A child is a worker in a process of its own. It drains when it is told to on its
// stdin, and ends when that does.
type child struct {
	name   string
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	killed bool

	// Set when it has ended.
	last string // what it said last
	err  error
}

// startChild starts this program with other flags. Each line that it logs goes to
// say, on one goroutine, which then sends the child to ended.
func startChild(name string, args []string, say func(process, line string), ended chan<- *child) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{name: name, cmd: exec.Command(self, args...)}
	ownGroup(c.cmd)
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stderr, err := c.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { // owned by the crew, which waits for its children
		c.listen(stderr, say)
		c.err = c.cmd.Wait()
		ended <- c
	}()
	return c, nil
}

// listen reads what the child logs, to the end.
func (c *child) listen(stderr io.Reader, say func(process, line string)) {
	dying := false
	for r := bufio.NewReader(stderr); ; {
		line, err := r.ReadString('\n')
		if line = strings.TrimSpace(line); line != "" {
			say(c.name, line)
			if !dying { // what follows is a page of goroutines
				c.last = line
			}
			dying = dying || strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ")
		}
		if err != nil {
			return
		}
	}
}

// drain tells the child to. One that has ended does not hear it.
func (c *child) drain() { _, _ = io.WriteString(c.stdin, "drain\n") }

// kill is SIGKILL.
func (c *child) kill() {
	c.killed = true
	_ = c.cmd.Process.Kill() // unless it has ended
}

// cpu is what the child used, once it has ended.
func (c *child) cpu() time.Duration {
	return c.cmd.ProcessState.UserTime() + c.cmd.ProcessState.SystemTime()
}

// failure is nil if the child ended as it should.
func (c *child) failure() error {
	if c.err == nil || c.killed {
		return nil
	}
	return fmt.Errorf("%s, process %d: %w: %s", c.name, c.cmd.Process.Pid, c.err, c.last)
}

// obey is the child's side: it calls end when the parent says so. When the parent is
// gone, so is its NATS: nothing can be handed over, and the child ends at once.
func obey(stdin io.Reader, end func()) {
	for word := make([]byte, 16); ; end() {
		if _, err := stdin.Read(word); err != nil {
			os.Exit(1)
		}
	}
}

//go:build unix

package faults

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A Process is a child: this binary again, in a process group of its own. Its methods
// are called from the test's goroutine.
type Process struct {
	Name string
	// Proxy is between the worker and NATS; nil if there is none.
	Proxy *Proxy

	t       testing.TB
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	answers chan Status
	ended   chan struct{}
	log     *os.File
	asked   int
}

// start starts a child, which is killed at the end of the test. If the test has
// failed by then, the end of its log is shown; all of it is among the artifacts.
func start(t testing.TB, name string, r role) *Process {
	t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	p := &Process{Name: name, t: t, answers: make(chan Status, 1), ended: make(chan struct{})}
	if p.log, err = os.Create(filepath.Join(t.ArtifactDir(), name+".log")); err != nil {
		t.Fatal(err)
	}
	p.cmd = exec.Command(os.Args[0])
	p.cmd.Env = append(os.Environ(), roleEnv+"="+string(text))
	p.cmd.Stderr = p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdout, err := p.cmd.StdoutPipe()
	if err == nil {
		p.stdin, err = p.cmd.StdinPipe()
	}
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	go p.listen(stdout) // ends with the process, which cleanup waits for
	t.Cleanup(p.cleanup)
	return p
}

func (p *Process) listen(stdout io.Reader) {
	defer close(p.ended)
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		var s Status
		if json.Unmarshal(lines.Bytes(), &s) != nil {
			continue // the child says why in its log
		}
		select {
		case <-p.answers: // nobody waited for it
		default:
		}
		p.answers <- s
	}
	_ = p.cmd.Wait() // the state tells
}

func (p *Process) cleanup() {
	p.signal(syscall.SIGKILL)
	<-p.ended
	for _, bad := range []string{"DATA RACE", "panic: ", "fatal error: "} {
		if strings.Contains(p.Log(), bad) {
			p.t.Errorf("%s: there is a %s in its log", p.Name, bad)
		}
	}
	if p.t.Failed() {
		p.t.Logf("%s: %v\n%s", p.Name, p.cmd.ProcessState, p.tail(150))
	}
	_ = p.log.Close() // it was read
}

// tail is the end of the log.
func (p *Process) tail(lines int) string {
	b, err := os.ReadFile(p.log.Name())
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// Log is what the process has logged so far.
func (p *Process) Log() string {
	b, err := os.ReadFile(p.log.Name())
	if err != nil {
		p.t.Error(err)
	}
	return string(b)
}

func (p *Process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) } // it may have ended

// Kill is SIGKILL; it returns when the process is gone.
func (p *Process) Kill() {
	p.signal(syscall.SIGKILL)
	<-p.ended
}

// Freeze is SIGSTOP.
func (p *Process) Freeze() { p.signal(syscall.SIGSTOP) }

// Thaw is SIGCONT.
func (p *Process) Thaw() { p.signal(syscall.SIGCONT) }

// Terminate is SIGTERM.
func (p *Process) Terminate() { p.signal(syscall.SIGTERM) }

// Dump ends the process with its goroutines in the log.
func (p *Process) Dump() {
	p.signal(syscall.SIGCONT)
	p.signal(syscall.SIGQUIT)
	select {
	case <-p.ended:
	case <-time.After(5 * time.Second): // cleanup kills it
	}
}

// Await waits for the end, and fails the test if it comes too late or is not the exit
// status 0.
func (p *Process) Await(within time.Duration) {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(within):
		p.t.Fatalf("%s still runs after %v", p.Name, within)
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		p.t.Fatalf("%s: exit status %d", p.Name, code)
	}
}

// Running reports whether the process has not ended.
func (p *Process) Running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// Status asks the process how it is; ok is false if it does not answer in five
// seconds.
func (p *Process) Status() (s Status, ok bool) { return p.ask(request{}) }

// Slow makes the writers here take so much longer for each record.
func (p *Process) Slow(pause time.Duration) {
	p.t.Helper()
	if _, ok := p.ask(request{Pause: &pause}); !ok {
		p.t.Fatalf("%s does not answer", p.Name)
	}
}

func (p *Process) ask(r request) (s Status, ok bool) {
	p.asked++
	r.Number = p.asked
	line, err := json.Marshal(r)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.stdin.Write(append(line, '\n')); err != nil {
		return s, false
	}
	late := time.After(5 * time.Second)
	for {
		select {
		case s = <-p.answers:
			if s.Number == r.Number {
				return s, true
			}
		case <-p.ended:
			return s, false
		case <-late:
			return s, false
		}
	}
}

// Memory is how many bytes of the process are in RAM, 0 where /proc does not tell.
func (p *Process) Memory() int {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), "statm"))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(b))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.Atoi(fields[1])
	if err != nil {
		return 0
	}
	return pages * os.Getpagesize()
}

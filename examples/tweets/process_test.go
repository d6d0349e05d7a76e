//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// binary is the program, built once.
var binary string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "tweets")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "tweets")
	build := exec.Command("go", "build", "-o", binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
		return 1
	}
	status := m.Run()
	if err := goleak.Find(knownLeak); err != nil && status == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return status
}

// sarama's metrics start one ticker per process and never stop it.
var knownLeak = goleak.IgnoreAnyFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick")

// A process is the program, running in a process group of its own.
type process struct {
	t              *testing.T
	cmd            *exec.Cmd
	stdout, stderr bytes.Buffer  // to be read when it has ended
	spoke          chan struct{} // closed at the first byte on stderr
	ended          chan struct{}
}

// Write takes the program's stderr.
func (p *process) Write(b []byte) (int, error) {
	if p.stderr.Len() == 0 {
		close(p.spoke)
	}
	return p.stderr.Write(b)
}

func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(binary, args...),
		spoke: make(chan struct{}), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, p
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // the state tells
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // if it still is there
		<-p.ended
		if t.Failed() {
			t.Logf("%s\n%s%s", strings.Join(args, " "), &p.stderr, &p.stdout)
		}
	})
	return p
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// wait waits for the end, fails the test if it is not the wanted one or comes
// too late, and looks for processes that were left behind.
func (p *process) wait(within time.Duration, status int) {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(within):
		p.t.Fatalf("still running after %v", within)
	}
	if got := p.cmd.ProcessState.ExitCode(); got != status {
		p.t.Fatalf("exit status %d, want %d", got, status)
	}
	if err := syscall.Kill(-p.cmd.Process.Pid, 0); err != syscall.ESRCH {
		p.t.Fatalf("a process was left behind: %v", err)
	}
}

// end is SIGTERM and a clean exit within the grace.
func (p *process) end() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	p.wait(10*time.Second, 0)
}

// runs runs the program to its end and returns what it reports.
func runs(t *testing.T, status int, args ...string) (*process, map[string]*float64) {
	t.Helper()
	p := start(t, append(args, "-json")...)
	p.wait(time.Minute, status)
	return p, p.report()
}

// report is the last line of stdout.
func (p *process) report() map[string]*float64 {
	p.t.Helper()
	lines := strings.Split(strings.TrimSpace(p.stdout.String()), "\n")
	var r map[string]*float64
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &r); err != nil {
		p.t.Fatalf("%v in %q", err, lines[len(lines)-1])
	}
	for _, key := range []string{"read", "written", "acked", "failed", "replayed", "missing", "duplicates",
		"seconds", "per_second", "p50_ms", "p99_ms", "cpu_s_per_million"} {
		if _, has := r[key]; !has {
			p.t.Errorf("no %q in %v", key, lines[len(lines)-1])
		}
	}
	return r
}

// numbers fails the test if the report differs from what is wanted.
func (p *process) numbers(want map[string]float64) {
	p.t.Helper()
	got := p.report()
	for key, n := range want {
		if got[key] == nil || *got[key] != n {
			p.t.Errorf("%s is %s, want %v", key, show(got[key]), n)
		}
	}
}

func show(n *float64) string {
	if n == nil {
		return "null"
	}
	return fmt.Sprint(*n)
}

func (p *process) says(where *bytes.Buffer, texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		if !strings.Contains(where.String(), text) {
			p.t.Errorf("no %q", text)
		}
	}
}

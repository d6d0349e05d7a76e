//go:build unix

package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
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

// A process is the program, running in a process group of its own. Its workers are
// found by a variable of their environment.
type process struct {
	t              *testing.T
	mark           string
	cmd            *exec.Cmd
	stdin          io.WriteCloser
	stdout, stderr bytes.Buffer  // to be read when it has ended
	spoke          chan struct{} // closed at the first byte on stderr
	ended          chan struct{}
	mu             sync.Mutex // guards stderr while it runs
}

// Write takes the program's stderr.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stderr.Len() == 0 {
		close(p.spoke)
	}
	return p.stderr.Write(b)
}

// awaitText waits until stderr has a text.
func (p *process) awaitText(text string) {
	p.t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	deadline := time.After(20 * time.Second)
	has := func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return strings.Contains(p.stderr.String(), text)
	}
	for !has() {
		select {
		case <-again.C:
		case <-p.ended:
			p.t.Fatalf("ended without saying %q", text)
		case <-deadline:
			p.t.Fatalf("never said %q", text)
		}
	}
}

func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(binary, args...), mark: "TWEETS_TEST=" + rand.Text(),
		spoke: make(chan struct{}), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, p
	p.cmd.Env = append(os.Environ(), p.mark)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // the state tells
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // if it still is there
		for _, worker := range p.workers() {
			_ = syscall.Kill(worker, syscall.SIGKILL)
		}
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
	if left := p.workers(); len(left) > 0 {
		p.t.Fatalf("workers were left behind: %d", left)
	}
}

// workers are the processes that this one started, as far as the system tells.
func (p *process) workers() (pids []int) {
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		environ, err := os.ReadFile(file)
		if err == nil && pid != p.cmd.Process.Pid && bytes.Contains(environ, []byte(p.mark)) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// alone waits until the workers have ended.
func (p *process) alone(within time.Duration) {
	p.t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	deadline := time.After(within)
	for len(p.workers()) > 0 {
		select {
		case <-again.C:
		case <-deadline:
			p.t.Fatalf("workers %d run after %v", p.workers(), within)
		}
	}
}

// end is SIGTERM and a clean exit within the grace. It waits until the program has
// begun: before that a signal is the system's.
func (p *process) end() {
	p.t.Helper()
	select {
	case <-p.spoke:
	case <-p.ended:
	}
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
		"seconds", "per_second", "p50_ms", "p99_ms", "cpu_s_per_million", "workers", "kills"} {
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

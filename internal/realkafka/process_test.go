//go:build unix

package realkafka

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const parentVariable = "WATERSPOUT_TEST_PARENT"

// parent is the test binary as a process that runs another, says its id, and waits
// to be killed.
func parent() {
	p, err := run(os.Stderr, "sleep", "600")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(p.cmd.Process.Pid)
	<-p.done
	os.Exit(1)
}

// gone reports whether a process has ended. One that nobody waits for is a zombie.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	out, _ := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	return strings.HasPrefix(string(out), "Z")
}

// command is the name of what a process runs.
func command(pid int) string {
	out, _ := exec.Command("ps", "-o", "comm=", "-p", strconv.Itoa(pid)).Output()
	return strings.TrimSpace(string(out))
}

func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for deadline := time.Now().Add(patience); !cond(); <-look.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited too long until %s", what)
		}
	}
}

// A process ends with the one that started it, also when that is killed, and also
// when it is frozen itself.
func TestProcessEndsWithItsParent(t *testing.T) {
	for _, frozen := range []bool{false, true} {
		t.Run(fmt.Sprintf("frozen %t", frozen), func(t *testing.T) {
			c := exec.Command(os.Args[0])
			c.Env = append(os.Environ(), parentVariable+"=1")
			out, err := c.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(out).ReadString('\n')
			pid, convErr := strconv.Atoi(strings.TrimSpace(line))
			if err != nil || convErr != nil {
				t.Fatal(line, err, convErr)
			}
			if gone(pid) {
				t.Error("it is gone before its parent")
			}
			if frozen {
				eventually(t, "the shell has become the program", func() bool { return command(pid) == "sleep" })
				if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
					t.Error(err)
				}
			}
			_ = c.Process.Kill()
			_ = c.Wait()
			eventually(t, "it has ended", func() bool { return gone(pid) })
		})
	}
}

// The watchdog goes when its process does, and so does what waits for either.
func TestProcessKill(t *testing.T) {
	p, err := run(os.Stderr, "sleep", "600")
	if err != nil {
		t.Fatal(err)
	}
	p.kill()
	p.kill() // once more does nothing
	eventually(t, "its group is empty", func() bool {
		return errors.Is(syscall.Kill(-p.cmd.Process.Pid, 0), syscall.ESRCH)
	})
}

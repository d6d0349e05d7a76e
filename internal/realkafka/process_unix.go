//go:build unix

package realkafka

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// The signals to a broker.
const (
	terminate = syscall.SIGTERM
	freeze    = syscall.SIGSTOP
	thaw      = syscall.SIGCONT
)

// ownGroup keeps the terminal's Ctrl-C from the process: we say when it ends.
func ownGroup(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// lock takes the file's lock, which ends with this process at the latest.
func lock(ctx context.Context, name string) (unlock func(), err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			_ = f.Close()
			return nil, err
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, context.Cause(ctx)
		case <-look.C:
		}
	}
}

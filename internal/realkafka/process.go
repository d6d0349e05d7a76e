package realkafka

import (
	"io"
	"os"
	"os/exec"
)

// watchdog runs a program in the shell's place, with its process id, and beside it
// a shell that kills it when our end of the pipe closes without a word. When the
// program has ended it is told so with a word: the id may be another's by then.
const watchdog = `exec 3<&0
{ read -r word || kill -9 $$; } <&3 >/dev/null 2>&1 &
exec "$@" 3<&- </dev/null`

// A process is a program that ends with this one.
type process struct {
	cmd   *exec.Cmd
	leash *os.File
	done  chan struct{} // closed when it has ended and cmd.ProcessState says how
}

// run starts a program. A goroutine of its own waits for its end.
func run(out io.Writer, program string, args ...string) (*process, error) {
	near, far, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer near.Close()
	p := &process{leash: far, done: make(chan struct{})}
	p.cmd = exec.Command("sh", append([]string{"-c", watchdog, "sh", program}, args...)...)
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = near, out, out
	ownGroup(p.cmd)
	if err := p.cmd.Start(); err != nil {
		far.Close()
		return nil, err
	}
	go p.wait()
	return p, nil
}

func (p *process) wait() {
	_ = p.cmd.Wait() // its state is in ProcessState
	_, _ = p.leash.WriteString("ended\n")
	_ = p.leash.Close()
	close(p.done)
}

// kill is SIGKILL, also of a process that is stopped, and waits for its end.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // unless it has ended
	<-p.done
}

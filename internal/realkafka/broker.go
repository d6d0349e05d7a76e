package realkafka

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"
)

// started is what Kafka logs when it is ready; its port opens before that.
const started = "Kafka Server started"

// patience is how long a broker may take for what it does in two seconds on a
// machine that is not busy.
const patience = time.Minute

// A Broker is a running Kafka, or one that can be started again. Make it with
// [Start].
type Broker struct {
	dir, jars string
	port      int
	process   *process
	pid       atomic.Int64
	log       *os.File
}

// Start starts a broker with its data in a new directory in dir, in the system's
// for temporary files if dir is empty, and returns when it serves. That takes some
// seconds; the first time ever, as long as Maven takes to fetch Kafka. Properties
// are lines of Kafka's server.properties, such as "num.network.threads=1"; they
// come last, and so win. When ctx ends first, nothing is left but the cache.
func Start(ctx context.Context, dir string, properties ...string) (*Broker, error) {
	if err := need("java"); err != nil {
		return nil, err
	}
	jars, err := artifacts(ctx)
	if err != nil {
		return nil, err
	}
	if dir, err = os.MkdirTemp(dir, "realkafka-"); err != nil {
		return nil, fmt.Errorf("realkafka: %w", err)
	}
	b := &Broker{dir: dir, jars: jars}
	if err := b.begin(ctx, properties); err != nil {
		_ = b.clear() // err says more
		return nil, fmt.Errorf("realkafka: %w", err)
	}
	return b, nil
}

func (b *Broker) begin(ctx context.Context, properties []string) error {
	free, err := ports()
	if err != nil {
		return err
	}
	b.port = free[0]
	if err := files(b.dir, free, properties); err != nil {
		return err
	}
	if b.log, err = os.OpenFile(b.file("kafka.log"), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o644); err != nil {
		return err
	}
	out, err := output(ctx, "java", b.java("kafka.tools.StorageTool", "format", "-t", clusterID(), "-c", b.file("server.properties"))...)
	switch {
	case bytes.Contains(out, []byte("UnsupportedClassVersionError")):
		return fmt.Errorf("the java in PATH is too old: %w", ErrMissing)
	case err != nil:
		return fmt.Errorf("prepare Kafka's directory: %w: %s", err, excerpt(out, true, 5))
	}
	return b.serve(ctx)
}

func (b *Broker) file(name string) string { return filepath.Join(b.dir, name) }

func (b *Broker) java(class string, args ...string) []string {
	return append([]string{heap, "-cp", filepath.Join(b.jars, "*"), "-Dlog4j2.configurationFile=" + b.file("log4j2.properties"), class}, args...)
}

// serve starts the process and waits until it serves.
func (b *Broker) serve(ctx context.Context) error {
	was, err := os.ReadFile(b.log.Name())
	if err != nil {
		return err
	}
	if b.process, err = run(b.log, "java", b.java("kafka.Kafka", b.file("server.properties"))...); err != nil {
		return err
	}
	b.pid.Store(int64(b.process.cmd.Process.Pid))
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("not ready after %s", patience))
	defer cancel()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		ended := b.ended()
		all, err := os.ReadFile(b.log.Name())
		log := all[min(len(was), len(all)):]
		switch {
		case err != nil:
		case bytes.Contains(log, []byte(started)):
			return nil
		case ended:
			err = fmt.Errorf("the broker ended, %s: %s", b.process.cmd.ProcessState, excerpt(log, true, 5))
		case ctx.Err() != nil:
			err = fmt.Errorf("the broker does not start: %w: %s", context.Cause(ctx), excerpt(log, true, 5))
		}
		if err != nil {
			b.process.kill()
			return err
		}
		select {
		case <-look.C:
		case <-ctx.Done():
		case <-b.process.done:
		}
	}
}

// ended reports whether there is no process.
func (b *Broker) ended() bool {
	select {
	case <-b.process.done:
		return true
	default:
		return false
	}
}

// Addrs are the addresses to connect to, as host:port. They do not change.
func (b *Broker) Addrs() []string { return []string{"127.0.0.1:" + strconv.Itoa(b.port)} }

// Pid is the process id of the broker, after Restart another one.
func (b *Broker) Pid() int { return int(b.pid.Load()) }

// Stop has the broker shut down in order, and waits until it has. One that is
// frozen or does not end within a minute is killed, and that is an error.
func (b *Broker) Stop() error {
	_ = b.process.cmd.Process.Signal(terminate) // unless it has ended
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-b.process.done:
		return nil
	case <-late.C:
		b.process.kill()
		return fmt.Errorf("realkafka: the broker did not shut down within %s and was killed", patience)
	}
}

// Kill ends the broker with SIGKILL, and waits for its end.
func (b *Broker) Kill() { b.process.kill() }

// Restart starts the broker again, on the same port and data, and returns when it
// serves. One that still runs is killed first.
func (b *Broker) Restart(ctx context.Context) error {
	b.process.kill()
	if err := b.serve(ctx); err != nil {
		return fmt.Errorf("realkafka: start again: %w", err)
	}
	return nil
}

// Freeze holds the broker still with SIGSTOP, its connections open, until Thaw.
func (b *Broker) Freeze() error { return b.signal(freeze) }

// Thaw lets a frozen broker go on.
func (b *Broker) Thaw() error { return b.signal(thaw) }

func (b *Broker) signal(s os.Signal) error {
	if err := b.process.cmd.Process.Signal(s); err != nil {
		return fmt.Errorf("realkafka: %s: %w", s, err)
	}
	return nil
}

// Close kills the broker, waits for its end and removes its data. A second call
// does nothing.
func (b *Broker) Close() error {
	if err := b.clear(); err != nil {
		return fmt.Errorf("realkafka: %w", err)
	}
	return nil
}

func (b *Broker) clear() error {
	if b.process != nil {
		b.process.kill()
	}
	if b.log != nil {
		_ = b.log.Close() // nothing of it is needed any more
	}
	return os.RemoveAll(b.dir)
}

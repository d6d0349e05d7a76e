package kafka_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/topology"
)

// The environment of a child process: see childMain.
const (
	childBrokers  = "WATERSPOUT_TEST_BROKERS"
	childInstance = "WATERSPOUT_TEST_INSTANCE"
)

// copier is a topology that copies the topic in to the topic out, with two tasks
// that read.
func copier(brokers []string, instance string) *topology.Topology {
	in := kafka.Spout{
		Brokers: brokers, Topics: []string{"in"}, Group: "terran", Instance: instance,
		Sarama: quick(), CommitEvery: 20 * time.Millisecond,
		Retry: spout.Retry{Backoff: 10 * time.Millisecond, Max: 100 * time.Millisecond},
	}
	if instance != "" { // only the name of the same member can take over in time
		in.Sarama.Consumer.Group.Session.Timeout = 5 * time.Minute
		in.Sarama.Consumer.Group.Rebalance.Timeout = 5 * time.Minute
	}
	out := kafka.Bolt{Brokers: brokers, Topic: "out"}
	b := topology.New("copy")
	read := topology.Spout(b, "read", in.New, topology.Parallelism(2))
	topology.Bolt(read.By(grouping.Shuffle), "write", out.New)
	return topology.Must(b.Build())
}

// childMain is the test binary as a process that copies until its stdin ends.
func childMain() (code int) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	brokers := strings.Split(os.Getenv(childBrokers), ",")
	if err := cluster.Run(ctx, copier(brokers, os.Getenv(childInstance)), cluster.Local{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// A child is a process of childMain.
type child struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
}

func spawn(t testing.TB, brokers []string, instance string) *child {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{cmd: exec.Command(self)}
	c.cmd.Env = append(os.Environ(), childBrokers+"="+strings.Join(brokers, ","), childInstance+"="+instance)
	c.cmd.Stderr = os.Stderr
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.kill)
	return c
}

// drain ends the child as a user would, and waits for it.
func (c *child) drain(t testing.TB) {
	t.Helper()
	_ = c.stdin.Close()
	if err := c.cmd.Wait(); err != nil {
		t.Errorf("child: %v", err)
	}
}

// kill is SIGKILL, unless the child has ended.
func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

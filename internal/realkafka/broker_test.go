//go:build kafka

package realkafka_test

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waterspout/waterspout/internal/realkafka"
	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/kafka/kafkatest"
)

func running(t *testing.T, properties ...string) (*realkafka.Broker, string) {
	t.Helper()
	dir := t.TempDir()
	k, err := realkafka.Start(t.Context(), dir, properties...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() }) // a second time does nothing
	return k, dir
}

func connect(t *testing.T, k *realkafka.Broker) *kafkatest.Broker {
	t.Helper()
	b, err := kafkatest.Connect(t.Context(), k.Addrs()...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// What was produced outlives a stop, a kill and a freeze, and nothing a wipe or the
// end.
func TestBrokerLife(t *testing.T) {
	k, dir := running(t, "broker.session.timeout.ms=3000", "broker.heartbeat.interval.ms=500")
	addr, pid := k.Addrs()[0], k.Pid()
	b := connect(t, k)
	if err := b.CreateTopic(t.Context(), "in"); err != nil {
		t.Fatal(err)
	}
	produce := func(value string) {
		t.Helper()
		if err := b.Produce(t.Context(), "in", kafka.Of([]byte(value))); err != nil {
			t.Fatal(err)
		}
	}
	produce("a")
	k.Kill()
	if c, err := net.Dial("tcp", addr); err == nil {
		c.Close()
		t.Error("a killed broker answers")
	}
	if err := k.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	produce("b")
	if err := k.Freeze(); err != nil {
		t.Fatal(err)
	}
	soon, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	// A connection of before the kill may end at once, and not by the deadline.
	if _, err := b.EndOffsets(soon, "in"); err == nil {
		t.Error("a frozen broker answers")
	}
	if err := k.Thaw(); err != nil {
		t.Fatal(err)
	}
	produce("c")
	if err := errors.Join(k.Stop(), k.Restart(t.Context())); err != nil {
		t.Fatal(err)
	}
	produce("d") // which waits until the partition has a leader again
	records, err := b.Read(t.Context(), "in")
	if err != nil || len(records) != 4 || k.Addrs()[0] != addr || k.Pid() == pid {
		t.Errorf("%d records, %v, at %v", len(records), err, k.Addrs())
	}
	if err := k.Wipe(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := connect(t, k).EndOffsets(t.Context(), "in"); err == nil {
		t.Error("the topic outlives a wipe")
	}
	if err := k.Close(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestStartWithABadProperty(t *testing.T) {
	_, err := realkafka.Start(t.Context(), t.TempDir(), "log.segment.bytes=-1")
	if err == nil || !strings.Contains(err.Error(), "log.segment.bytes") {
		t.Errorf("got %v", err)
	}
}

// The reference job judges itself: it compares input and output in Kafka.
func TestReferenceJob(t *testing.T) {
	job := filepath.Join(t.TempDir(), "tweets")
	if out, err := exec.Command("go", "build", "-o", job, "../../examples/tweets").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	k, _ := running(t)
	for _, args := range [][]string{{"-n", "200000"}, {"-n", "100000", "-fail", "0.01"}} {
		args = append(args, "-q", "-brokers", k.Addrs()[0])
		out, err := exec.CommandContext(t.Context(), job, args...).CombinedOutput()
		t.Logf("tweets %s: %s", strings.Join(args, " "), out)
		if err != nil {
			t.Error(err)
		}
	}
}

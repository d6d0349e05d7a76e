//go:build unix

package main

import (
	"encoding/json"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/waterspout/waterspout/internal/tweets"
)

func TestTheJobInThreeProcesses(t *testing.T) {
	p, r := runs(t, 0, "-n", "20000", "-workers", "3", "-log", "json")
	p.numbers(map[string]float64{"read": 20000, "written": 20000, "acked": 20000,
		"failed": 0, "replayed": 0, "missing": 0, "duplicates": 0, "workers": 3})
	for _, key := range []string{"seconds", "per_second", "p50_ms", "p99_ms", "cpu_s_per_million"} {
		if r[key] == nil || *r[key] <= 0 {
			t.Errorf("%s is %s", key, show(r[key]))
		}
	}
	p.says(&p.stdout, "missing 0, duplicates 0", "Kafka messages produced: 20,000", "workers: 3")
	p.says(&p.stderr, "committed: 20,000 of 20,000", `"process":"worker-1"`, `"process":"worker-3"`)
	for line := range strings.Lines(p.stderr.String()) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil && !strings.Contains(line, "/s\n") {
			t.Errorf("%v: %q", err, line)
		}
	}
}

func TestQuietWorkers(t *testing.T) {
	p, _ := runs(t, 0, "-n", "1000", "-workers", "2", "-q")
	if p.stderr.Len() > 0 {
		t.Errorf("stderr has %q", &p.stderr)
	}
}

func TestKilledWorkersLoseNothing(t *testing.T) {
	t.Parallel()
	p, r := runs(t, 0, "-n", "20000", "-workers", "3", "-kill", "1s")
	p.numbers(map[string]float64{"missing": 0, "workers": 3})
	if r["kills"] == nil || *r["kills"] < 5 {
		t.Errorf("%s kills", show(r["kills"]))
	}
	p.says(&p.stdout, "workers killed between the first commit and the last: ")
}

func TestTooFewKillsAreAFailure(t *testing.T) {
	p, _ := runs(t, 1, "-n", "1000", "-workers", "2", "-kill", "1h", "-rate", "1000")
	p.numbers(map[string]float64{"missing": 0, "duplicates": 0, "kills": 0})
	p.says(&p.stderr, "of at least 5 kills 0 came")
}

// A gang is a parent with workers on a Kafka of the test's, and input that does not
// end.
func (w *world) gang(args ...string) *process {
	w.t.Helper()
	return start(w.t, append([]string{"-workers", "2", "-json", "-rate", "1000", "-n", "1000000",
		"-in", "in", "-out", "out", "-brokers", strings.Join(w.broker.Addrs(), ",")}, args...)...)
}

func (w *world) awaitCommit() {
	w.t.Helper()
	w.await(func(committed, _ int64) bool { return committed > 0 })
}

func TestAWorkerThatDiesIsAFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.gang()
	w.awaitCommit()
	if err := syscall.Kill(p.workers()[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	p.wait(30*time.Second, 1)
	p.says(&p.stderr, "tweets: worker-", "signal: killed")
}

func TestAnInterruptDrainsTheWorkers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.gang()
	w.awaitCommit()
	pids := p.workers()
	if len(pids) != 2 {
		t.Fatalf("workers %d", pids)
	}
	for _, pid := range pids {
		if group, err := syscall.Getpgid(pid); err != nil || group != pid {
			t.Errorf("worker %d is in group %d: %v", pid, group, err)
		}
	}
	if err := syscall.Kill(-p.cmd.Process.Pid, syscall.SIGINT); err != nil { // as a terminal does
		t.Fatal(err)
	}
	p.wait(10*time.Second, 1)
	p.says(&p.stderr, "tweets: interrupted; the output was not checked\n")
	if v := w.check(tweets.Check{In: w.in, Out: w.out}); v.Duplicates > 0 || v.Phantoms > 0 {
		t.Errorf("%+v", v)
	}
	committed, _ := w.marks()
	if r := p.report(); r["acked"] == nil || *r["acked"] != float64(committed) {
		t.Errorf("%s acked, %d committed", show(r["acked"]), committed)
	}
}

func TestTheSecondSignalEndsTheWorkersAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stuck := w.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "out", Err: kerr.NotEnoughReplicas, Count: -1})
	p := w.gang("-q") // a log that nobody reads ends them, too
	awaitHit(t, stuck)
	p.insist()
	p.alone(2 * time.Second)
}

func TestWorkersEndWithTheirParent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.gang("-q")
	w.awaitCommit()
	p.signal(syscall.SIGKILL)
	<-p.ended
	p.alone(2 * time.Second)
	if v := w.check(tweets.Check{In: w.in, Out: w.out}); v.Phantoms > 0 {
		t.Errorf("%+v", v)
	}
}

func TestAChildDrainsWhenToldAndEndsWithItsStdin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pour(1000)
	told, left := w.follow("-child"), w.follow("-child")
	w.awaitCommit()
	_, _ = io.WriteString(told.stdin, "drain\n")
	told.wait(10*time.Second, 0)
	_ = left.stdin.Close()
	left.wait(2*time.Second, 1)
}

//go:build unix

package main

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/internal/tweets"
	"github.com/waterspout/waterspout/transport/natsnet"
	"github.com/waterspout/waterspout/transport/natsserver"
)

func startNATS(t *testing.T, o natsserver.Options) *natsserver.Server {
	t.Helper()
	s, err := natsserver.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// stats are the lines of -stats.
func stats(t *testing.T, url string) (text string, lines []map[string]any) {
	t.Helper()
	out, err := exec.Command(binary, "-stats", "-json", "-nats", url).Output()
	if err != nil {
		t.Fatalf("%v: %s", err, err.(*exec.ExitError).Stderr)
	}
	for line := range strings.Lines(string(out)) {
		var r map[string]any
		if strings.HasPrefix(line, "{") {
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Fatalf("%v: %q", err, line)
			}
			lines = append(lines, r)
		}
	}
	return string(out), lines
}

// awaitReports waits until that many workers of each of that many jobs have reported.
func awaitReports(t *testing.T, url string, jobs, workers int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		all, err := cluster.ReadStats(ctx, natsnet.Net{URL: url}, jobName)
		if err != nil {
			t.Fatal(err)
		}
		missing := func(s cluster.Stats) bool { return len(s.Workers) != workers }
		if len(all) == jobs && !slices.ContainsFunc(all, missing) {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// A worker that is asked to end, at whatever moment, hands over what it has; what
// the others wrote meanwhile is nowhere twice.
func TestATerminatedWorkerDoublesNothing(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, 0))
	w, url := newWorld(t), startNATS(t, natsserver.Options{}).URL()
	stop := w.pour(3000)
	gang := []*process{w.follow("-nats", url), w.follow("-nats", url), w.follow("-nats", url)}
	w.awaitCommit()
	for range 3 {
		<-time.After(time.Duration(dice.Int64N(int64(1500 * time.Millisecond)))) // the moment
		i := dice.IntN(len(gang))
		gang[i].end()
		if v := w.check(tweets.Check{In: w.in, Out: w.out}); v.Duplicates > 0 { // others work
			t.Fatalf("%+v", v)
		}
		gang[i] = w.follow("-nats", url)
	}
	stop()
	w.awaitEnd()
	awaitReports(t, url, 1, 3)
	if text, lines := stats(t, url); len(lines) != 1 || lines[0]["workers"] != 3. || !strings.Contains(text, "3 workers") {
		t.Errorf("of a job with three workers the stats say %s", text)
	}
	for _, p := range gang {
		p.end()
	}
	if v := w.check(tweets.Check{In: w.in, Out: w.out}); !v.OK() {
		t.Errorf("%+v", v)
	}
	committed, _ := w.marks()
	if text, lines := stats(t, url); len(lines) != 1 || lines[0]["workers"] != 0. || lines[0]["acked"] != float64(committed) {
		t.Errorf("when %d records are committed, and all workers have ended, the stats say %s", committed, text)
	}
}

func TestThreeWorkersShareTheTasks(t *testing.T) {
	t.Parallel()
	w, url := newWorld(t), startNATS(t, natsserver.Options{}).URL()
	gang := []*process{w.follow("-nats", url), w.follow("-nats", url), w.follow("-nats", url)}
	awaitReports(t, url, 1, len(gang))
	if err := w.broker.Fill(t.Context(), "in", tweets.New(1).Records(0, 20000)); err != nil {
		t.Fatal(err)
	}
	w.awaitEnd()
	for _, p := range gang {
		p.end()
	}
	decoded := 0.
	for _, p := range gang {
		n := p.report()["read"]
		if n == nil || *n < 1000 {
			t.Errorf("a worker decoded %s of 20000", show(n))
			continue
		}
		decoded += *n
	}
	if v := w.check(tweets.Check{In: w.in, Out: w.out}); !v.OK() || decoded != 20000 {
		t.Errorf("%v decoded, %+v", decoded, v)
	}
}

func TestTheSecondSignalEndsAWorkerAtOnce(t *testing.T) {
	t.Parallel()
	w, url := newWorld(t), startNATS(t, natsserver.Options{}).URL()
	stuck := w.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "out", Err: kerr.NotEnoughReplicas, Count: -1})
	p := w.follow("-nats", url)
	w.pour(100)
	awaitHit(t, stuck)
	p.insist()
}

// Two jobs that differ in their input only are two clusters on one NATS.
func TestTwoJobsOnOneNATS(t *testing.T) {
	t.Parallel()
	const n = 10000
	w, url := newWorld(t), startNATS(t, natsserver.Options{}).URL()
	if err := w.broker.CreateTopic(t.Context(), "in2:5"); err != nil {
		t.Fatal(err)
	}
	other := *w
	other.in.Topic = "in2"
	jobs := []*world{w, &other}
	var gangs [2][]*process
	for i, job := range jobs {
		gangs[i] = []*process{w.follow("-nats", url, "-in", job.in.Topic), w.follow("-nats", url, "-in", job.in.Topic)}
		if err := w.broker.Fill(t.Context(), job.in.Topic, tweets.New(uint64(i)).Records(0, n)); err != nil {
			t.Fatal(err)
		}
	}
	for _, job := range jobs {
		job.awaitEnd()
	}
	awaitReports(t, url, 2, 2)
	text, lines := stats(t, url)
	if len(lines) != 2 || lines[0]["fingerprint"] == lines[1]["fingerprint"] || strings.Count(text, "2 workers") != 2 {
		t.Errorf("of two jobs with two workers each the stats say %s", text)
	}
	for i, job := range jobs {
		decoded := 0.
		for _, p := range gangs[i] {
			p.end()
			decoded += *p.report()["read"]
		}
		// What the other wrote is of unknown origin.
		if v := job.check(tweets.Check{In: job.in, Out: w.out}); v.Missing+v.Duplicates > 0 || v.Phantoms != n || decoded != n {
			t.Errorf("job %d: decoded %v, %+v", i, decoded, v)
		}
	}
}

func TestAWorkerWaitsForNATS(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := startNATS(t, natsserver.Options{})
	addr := s.Addr()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	p, impatient := w.follow("-nats", addr), w.follow("-nats", addr)
	for _, p := range []*process{p, impatient} {
		p.awaitText(addr)
	}
	impatient.signal(syscall.SIGTERM)
	impatient.wait(2*time.Second, 0)
	url := startNATS(t, natsserver.Options{Addr: addr}).URL()
	w.pour(100)
	w.awaitCommit()
	p.end()
	if text, _ := stats(t, url); !strings.Contains(text, "connection attempts failed: ") {
		t.Errorf("of a worker that had to wait the stats say %s", text)
	}
}

func TestNATSWithoutStats(t *testing.T) {
	p := start(t, "-stats", "-nats", startNATS(t, natsserver.Options{}).URL())
	p.wait(10*time.Second, 1)
	if got := p.stderr.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "no worker") {
		t.Errorf("stderr has %q", got)
	}
}

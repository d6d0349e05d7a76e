//go:build unix

package faults_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/internal/faults"
)

// rate is what the input gets, in records a second.
const rate = 1000

// observe is how long the output is watched after a fault.
const observe = 6 * time.Second

// atMost fails the test if more records came twice than may.
func atMost(t *testing.T, seen faults.Seen, duplicates int64) {
	t.Helper()
	if int64(seen.Duplicates) > duplicates {
		t.Errorf("%d duplicates, of at most %d", seen.Duplicates, duplicates)
	}
}

// allowed is how long what has a figure may take since the fault: with the tag faults
// the figure, and what the machine took from a control that does no work.
func allowed(l *faults.Lab, fault time.Time, figure time.Duration) time.Duration {
	return slack*figure + l.Stalled(fault)
}

// silent fails the test if the output was silent for longer than the figure.
func silent(t *testing.T, l *faults.Lab, fault time.Time, seen faults.Seen, figure time.Duration) {
	t.Helper()
	t.Logf("the machine took %v", l.Stalled(fault).Round(time.Millisecond))
	if most := allowed(l, fault, figure); seen.Gap > most {
		t.Errorf("%v without output, of at most %v", seen.Gap, most)
	}
}

// back is how long after a kill the output may be below its rate.
const back = 15 * time.Second

// returns watches the output until it has its rate again, and fails the test if that
// takes longer than it may.
func returns(t *testing.T, l *faults.Lab, fault time.Time) {
	t.Helper()
	most := func() time.Duration { return allowed(l, fault, back) }
	if took, ok := l.Returns(fault, observe, most); !ok || took > most() {
		t.Errorf("the output is not back at 95 %% within %v", most())
	}
}

// figure is how long the output may be silent when a worker is killed.
func figure(l *faults.Lab, victim *faults.Process) time.Duration {
	for _, task := range l.Tasks(victim) {
		if task < l.Job.Spouts {
			return 6 * time.Second
		}
	}
	return 5 * time.Second
}

// flowing is a lab with three workers whose job runs at the usual rate.
func flowing(t *testing.T, j faults.Job, proxied bool) *faults.Lab {
	t.Helper()
	l := faults.NewLab(t, j, proxied)
	l.Start(3)
	l.Pour(rate)
	l.Flow(rate)
	return l
}

// killed kills a worker, sees how the others go on, and judges. What may come twice is
// what was not committed then and was read before the worker was found lost; that is
// in flight, or acked since the last commit.
func killed(t *testing.T, l *faults.Lab, victim *faults.Process) {
	t.Helper()
	most := figure(l, victim)
	t.Logf("killing %s with tasks %v", victim.Name, l.Tasks(victim))
	fault := time.Now()
	victim.Kill()
	committed, _ := l.Marks()
	l.Settle()
	_, read := l.Marks()
	l.Honest()
	returns(t, l, fault)
	seen := l.Judge(fault)
	atMost(t, seen, min(read-committed, int64(l.Job.Spouts*l.Job.MaxPending)))
	silent(t, l, fault, seen, most)
	l.Told()
}

// Row 1.
func TestKilledBoltWorker(t *testing.T) {
	t.Parallel()
	l := flowing(t, faults.Job{}, false)
	killed(t, l, l.WithoutSpouts())
}

// Row 1, when the worker has received much that it has not worked off (L8).
func TestKilledBusyWorker(t *testing.T) {
	t.Parallel()
	l := flowing(t, faults.Job{}, false)
	victim := l.WithWriters()
	victim.Slow(5 * time.Millisecond)
	l.Until(20*time.Second, func() (bool, string) { n := behind(l); return n > rate, fmt.Sprintf("%d are behind", n) })
	killed(t, l, victim)
}

// behind is how many records are not committed.
func behind(l *faults.Lab) int64 {
	committed, end := l.Marks()
	return end - committed
}

// Row 3, and row 5: a spout task and the ledger of its trees are on one worker.
func TestKilledSpoutWorker(t *testing.T) {
	t.Parallel()
	l := flowing(t, faults.Job{}, false) // all output hangs on one spout task
	killed(t, l, l.WithSpouts())
}

// Row 4: the writer dies when the broker has its records and it does not know.
func TestKilledWriter(t *testing.T) {
	t.Parallel()
	l := flowing(t, faults.Job{}, false)
	victim := l.WithWriters()
	most := figure(l, victim)
	fault := make(chan time.Time, 1)
	control := l.Broker.Cluster()
	control.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		if !slices.ContainsFunc(r.(*kmsg.ProduceRequest).Topics, func(p kmsg.ProduceRequestTopic) bool { return p.Topic == l.Job.Out }) {
			return nil, nil, false
		}
		fault <- time.Now()
		victim.Kill()
		control.DropControl()
		return nil, nil, false // now it is written
	})
	at := <-fault
	committed, _ := l.Marks()
	l.Settle()
	_, read := l.Marks()
	returns(t, l, at)
	seen := l.Judge(at)
	atMost(t, seen, read-committed)
	silent(t, l, at, seen, most)
	l.Told()
}

// Row 6.
func TestKilledLeader(t *testing.T) {
	t.Parallel()
	l := flowing(t, faults.Job{Spouts: 2}, false)
	leader := l.Leader()
	killed(t, l, leader)
	if next := l.Leader(); next == leader {
		t.Errorf("%s still leads", next.Name)
	}
}

// Row 7: all workers are killed, and others start from the commits.
func TestKilledWorkers(t *testing.T) {
	t.Parallel()
	l := flowing(t, faults.Job{Spouts: 2}, false)
	fault := time.Now()
	for _, w := range l.Workers {
		w.Kill()
	}
	committed, read := l.Marks()
	l.Honest()
	l.Start(3)
	l.Flow(rate)
	returns(t, l, fault)
	seen := l.Judge(fault)
	atMost(t, seen, read-committed)
	silent(t, l, fault, seen, 10*time.Second)
	l.Told()
}

// grace is what a worker may take to leave, and a bit for a busy machine.
const grace = cluster.DefaultGrace + 4*time.Second

// Row 8: who is asked to leave doubles nothing, neither one of three nor all.
func TestTerminatedWorkers(t *testing.T) {
	t.Parallel()
	l := flowing(t, faults.Job{Spouts: 2}, false)
	fault := time.Now()
	for _, w := range []*faults.Process{l.WithSpouts(), l.WithWriters()} {
		if !w.Running() {
			continue
		}
		tasks, asked := l.Tasks(w), time.Now()
		w.Terminate()
		w.Await(grace)
		t.Logf("%s with tasks %v ended %.1f s after SIGTERM", w.Name, tasks, time.Since(asked).Seconds())
		l.Settle()
		l.Flow(rate)
	}
	for _, w := range l.Workers {
		w.Terminate()
	}
	for _, w := range l.Workers {
		w.Await(grace)
	}
	committed, _ := l.Marks()
	l.Until(10*time.Second, func() (bool, string) {
		return int64(l.Written()) == committed, fmt.Sprintf("%d records are written, and %d committed", l.Written(), committed)
	})
	l.Start(1)
	seen := l.Judge(fault)
	atMost(t, seen, 0)
	l.Told()
}

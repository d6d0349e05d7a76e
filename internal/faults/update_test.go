//go:build unix

package faults_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/waterspout/waterspout/internal/faults"
)

// Three workers are replaced by three of another version, one by one. The versions
// share the consumer group and nothing else.
func TestRollingUpdate(t *testing.T) {
	t.Parallel()
	l := flowing(t, faults.Job{Spouts: 2}, false)
	next := l.Job
	next.Decoders++
	if l.Fingerprint(next) == l.Fingerprint(l.Job) {
		t.Fatal("both versions have one fingerprint")
	}
	old := slices.Clone(l.Workers)
	fault := time.Now()
	for _, w := range old {
		w.Terminate()
		w.Await(grace)
		l.Launch(next)
		l.Flow(rate)
	}
	l.Workers = l.Workers[len(old):]
	l.Job = next
	l.Settle()
	l.Pass(3 * time.Second)
	seen := l.Judge(fault)
	atMost(t, seen, 0)
	l.Told()
}

// Two jobs that differ only in what they read never exchange a frame.
func TestTwoJobs(t *testing.T) {
	t.Parallel()
	l := faults.NewLab(t, faults.Job{}, true)
	other := l.Job
	other.In = "in2"
	if err := l.Broker.CreateTopic(t.Context(), other.In+":4"); err != nil {
		t.Fatal(err)
	}
	l.Start(2)
	ours := slices.Clone(l.Workers)
	l.Workers = nil
	job := l.Job
	l.Job = other
	l.Start(2)
	theirs := slices.Clone(l.Workers)
	l.Workers, l.Job = ours, job

	l.Pour(rate)
	l.Flow(2 * rate)
	for _, w := range theirs {
		s, ok := w.Status()
		if !ok {
			t.Fatalf("%s does not answer", w.Name)
		}
		for _, c := range s.Stats.Components {
			if c.Emitted+c.Executed > 0 {
				t.Errorf("%s has work of the other job: %+v", w.Name, c)
			}
		}
	}
	seen := l.Judge(time.Now())
	atMost(t, seen, 0)
	for i, workers := range [][]*faults.Process{ours, theirs} {
		cluster := "faults-" + l.Fingerprint([]faults.Job{job, other}[i])
		for _, w := range workers {
			c := w.Proxy.Counts()
			if clusters := slices.Collect(maps.Keys(c.Clusters)); len(clusters) != 1 || clusters[0] != cluster {
				t.Errorf("%s, of %s, has frames of %v", w.Name, cluster, c.Clusters)
			}
		}
	}
}

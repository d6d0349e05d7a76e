//go:build unix

package faults_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/waterspout/waterspout/internal/faults"
)

// Row 9: a pause shorter than the lease costs nothing.
func TestShortFreeze(t *testing.T) {
	t.Parallel()
	l := flowing(t, faults.Job{Spouts: 2}, false)
	fault, lost := time.Now(), l.Lost()
	for _, w := range []*faults.Process{l.WithSpouts(), l.WithWriters()} {
		w.Freeze()
		l.Pass(1500 * time.Millisecond)
		w.Thaw()
		l.Flow(rate)
	}
	seen := l.Judge(fault)
	if l.Lost() == lost { // else the machine was too busy, and a lease did run out
		atMost(t, seen, 0)
	}
	l.Told()
}

// Row 12: NATS is killed, and is there again with what it had on its disk.
func TestNATSRestart(t *testing.T) {
	t.Parallel()
	l := flowing(t, faults.Job{Spouts: 2}, false)
	lost := l.Lost()
	fault := time.Now()
	l.NATS.Kill()
	l.StartNATS()
	l.Flow(rate)
	l.Settle()
	l.Pass(observe - time.Since(fault))
	seen := l.Judge(fault)
	atMost(t, seen, int64(l.Job.Spouts*l.Job.MaxPending))
	silent(t, l, fault, seen, 5*time.Second)
	l.Told()
	if l.Lost() != lost {
		t.Log("a worker was taken for lost")
	}
}

// Who is asked to leave while NATS is away, and has nothing in its hands, does: at once
// if it is alone, else after the grace, in which NATS may come back.
func TestTerminatedWithoutNATS(t *testing.T) {
	for workers, within := range map[int]time.Duration{1: 4 * time.Second, 2: grace} {
		t.Run(fmt.Sprint(workers), func(t *testing.T) {
			t.Parallel()
			l := faults.NewLab(t, faults.Job{Spouts: 2}, false)
			l.Start(workers)
			fault := time.Now()
			l.Fill(1000)
			l.Committed(time.Minute)
			l.NATS.Kill()
			l.Pass(3 * time.Second)
			asked := time.Now()
			for _, w := range l.Workers {
				w.Terminate()
			}
			for _, w := range l.Workers {
				w.Await(within)
			}
			t.Logf("ended %.1f s after SIGTERM", time.Since(asked).Seconds())
			atMost(t, l.Compare(fault), 0)
		})
	}
}

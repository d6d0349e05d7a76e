//go:build unix && faults

package faults_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/waterspout/waterspout/internal/faults"
)

// after is how long the output is watched when a long fault is over.
const after = 15 * time.Second

// Row 2: a worker is killed every 5 s for two minutes, and another one comes.
func TestKilledAgainAndAgain(t *testing.T) {
	l := flowing(t, faults.Job{Spouts: 2}, false)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, 0))
	fault, before := time.Now(), l.Written()
	for range 24 {
		i := dice.IntN(len(l.Workers))
		l.Workers[i].Kill()
		l.Workers = slices.Delete(l.Workers, i, i+1)
		l.Launch(l.Job)
		l.Honest()
		l.Pass(5 * time.Second)
	}
	took := time.Since(fault)
	kept := float64(l.Written()-before) / (rate * took.Seconds())
	l.Settle()
	seen := l.Judge(fault)
	t.Logf("24 kills in %v: %.0f %% of the input's rate was kept", took.Round(time.Second), 100*kept)
	if kept < .5 {
		t.Errorf("%.0f %% of the input's rate was kept", 100*kept)
	}
	atMost(t, seen, 24*int64(l.Job.Spouts*l.Job.MaxPending))
	l.Told()
}

// zombie freezes a worker for three times its lease and its session in the group. The
// others take over; it wakes up as a stranger, and joins again.
func zombie(t *testing.T, choose func(*faults.Lab) *faults.Process) {
	t.Helper()
	l := flowing(t, faults.Job{Spouts: 2, Session: time.Second}, false)
	victim := choose(l)
	t.Logf("freezing %s with tasks %v", victim.Name, l.Tasks(victim))
	fault, lost := time.Now(), l.Lost()
	victim.Freeze()
	l.Until(30*time.Second, func() (bool, string) { return l.Lost() != lost, "nobody misses it" })
	t.Logf("found lost after %v", time.Since(fault).Round(100*time.Millisecond))
	l.Flow(rate)
	l.Pass(9*time.Second - time.Since(fault))
	committed, _ := l.Marks()
	victim.Thaw()
	l.Settle() // it is a member again
	l.Flow(rate)
	l.Honest()
	l.Pass(after)
	_, read := l.Marks()
	seen := l.Judge(fault)
	t.Logf("committed %d when it woke up, of %d in the end", committed, read)
	atMost(t, seen, 2*int64(l.Job.Spouts*l.Job.MaxPending))
	silent(t, l, fault, seen, 6*time.Second)
	l.Told()
}

// Row 10.
func TestZombieSpout(t *testing.T)  { zombie(t, (*faults.Lab).WithSpouts) }
func TestZombieWriter(t *testing.T) { zombie(t, (*faults.Lab).WithWriters) }

// Row 11: pauses of 50 to 500 ms, like those of a collector, a worker a second.
func TestPauses(t *testing.T) {
	l := flowing(t, faults.Job{Spouts: 2}, false)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, 0))
	fault, lost := time.Now(), l.Lost()
	for range 30 {
		w := l.Workers[dice.IntN(len(l.Workers))]
		pause := time.Duration(50+dice.IntN(450)) * time.Millisecond
		w.Freeze()
		l.Pass(pause)
		w.Thaw()
		l.Pass(time.Second - pause)
	}
	seen := l.Judge(fault)
	if l.Lost() == lost {
		atMost(t, seen, 0)
	}
	l.Told()
}

// memory is that of all workers.
func memory(l *faults.Lab) (bytes int) {
	for _, w := range l.Workers {
		bytes += w.Memory()
	}
	return bytes
}

// flat fails the test if the memory has grown by more than a fifth.
func flat(t *testing.T, before, now int) {
	t.Helper()
	t.Logf("memory of all workers: %d MiB before, %d MiB now", before>>20, now>>20)
	if now > before+before/5 {
		t.Errorf("memory grew from %d MiB to %d MiB", before>>20, now>>20)
	}
}

// recovered judges an outage that ended at healed; the times are from then on.
func recovered(t *testing.T, l *faults.Lab, fault, healed time.Time, kept func()) {
	t.Helper()
	l.Flow(rate)
	t.Logf("flows again %.1f s after the end of the fault, %d records are behind", time.Since(healed).Seconds(), behind(l))
	l.Settle()
	l.Honest()
	l.Pass(after)
	seen := l.Judge(healed)
	atMost(t, seen, 2*int64(l.Job.Spouts*l.Job.MaxPending))
	kept()
	t.Logf("the fault took %v", healed.Sub(fault).Round(time.Second))
}

// Row 13.
func TestNATSGone(t *testing.T) {
	l := flowing(t, faults.Job{Spouts: 2}, false)
	l.Pass(10 * time.Second)
	fault := time.Now()
	l.NATS.Kill()
	l.Pass(15 * time.Second)
	before := memory(l)
	l.Pass(45 * time.Second)
	flat(t, before, memory(l))
	l.StartNATS()
	recovered(t, l, fault, time.Now(), l.Kept) // nobody can tell for longer than the timeout
}

// Row 14: NATS is there and says nothing.
func TestNATSFrozen(t *testing.T) {
	l := flowing(t, faults.Job{Spouts: 2}, false)
	goroutines := func() (n int) {
		for _, w := range l.Workers {
			if s, ok := w.Status(); ok {
				n += s.Goroutines
			}
		}
		return n
	}
	before := goroutines()
	fault := time.Now()
	l.NATS.Freeze()
	l.Pass(30 * time.Second)
	l.NATS.Thaw()
	recovered(t, l, fault, time.Now(), l.Kept) // as long as the timeout
	if now := goroutines(); now > before+before/2 {
		t.Errorf("%d goroutines, and %d before", now, before)
	}
}

// partitioned cuts one worker off for 20 s, in the given directions.
func partitioned(t *testing.T, ways ...faults.Direction) {
	t.Helper()
	l := flowing(t, faults.Job{Spouts: 2}, true)
	victim := l.WithSpouts()
	t.Logf("cutting off %s with tasks %v", victim.Name, l.Tasks(victim))
	fault, lost := time.Now(), l.Lost()
	victim.Proxy.Stop(true, ways...)
	l.Until(30*time.Second, func() (bool, string) { return l.Lost() != lost, "nobody misses it" })
	t.Logf("found lost after %v", time.Since(fault).Round(100*time.Millisecond))
	l.Pass(20*time.Second - time.Since(fault))
	gap, back := l.Since(fault)
	t.Logf("while it is cut off: output gap %.1f s, back to 95 %% after %.1f s", gap.Seconds(), back.Seconds())
	victim.Proxy.Stop(false, ways...)
	recovered(t, l, fault, time.Now(), l.Told)
}

// Row 15.
func TestPartition(t *testing.T) { partitioned(t, faults.Up, faults.Down) }

// Row 16: the worker is heard and hears nothing.
func TestOneWayPartition(t *testing.T) { partitioned(t, faults.Down) }

// The worker hears and is not heard.
func TestOtherWayPartition(t *testing.T) { partitioned(t, faults.Up) }

// Row 17: a megabit a second holds the spouts back, and loses nothing.
func TestSlowLink(t *testing.T) {
	l := faults.NewLab(t, faults.Job{Spouts: 2}, true)
	l.Start(3)
	fault := time.Now()
	for _, w := range l.Workers {
		w.Proxy.Limit(1_000_000 / 8)
	}
	l.Fill(20_000)
	l.Committed(5 * time.Minute)
	took := time.Since(fault)
	l.Told()
	seen := l.Compare(fault)
	t.Logf("20,000 records in %v", took.Round(100*time.Millisecond))
	atMost(t, seen, int64(l.Job.Spouts*l.Job.MaxPending))
}

// Row 18: 50±50 ms between any two workers, and nothing is taken for lost.
func TestLatency(t *testing.T) {
	l := flowing(t, faults.Job{Spouts: 2}, true)
	fault, lost := time.Now(), l.Lost()
	for _, w := range l.Workers {
		w.Proxy.Latency(0, 50*time.Millisecond) // to NATS and from it
	}
	l.Pass(20 * time.Second)
	seen := l.Judge(fault)
	if l.Lost() != lost {
		t.Error("a worker was taken for lost")
	}
	atMost(t, seen, 0)
	l.Told()
}

// Row 24: the writer is slower than the rest by a factor of a hundred and more.
func TestSlowSink(t *testing.T) {
	// What is open at once has to be written within the timeout.
	l := faults.NewLab(t, faults.Job{MaxPending: 1024}, false)
	l.Start(3)
	sink := l.WithWriters()
	sink.Slow(5 * time.Millisecond)
	fault := time.Now()
	l.Fill(100_000)
	l.Pass(20 * time.Second)
	before := memory(l)
	for range 4 {
		t.Logf("%d MiB, %d records are written", memory(l)>>20, l.Written())
		l.Pass(10 * time.Second)
	}
	written := l.Written()
	flat(t, before, memory(l))
	l.Told()
	sink.Slow(0)
	freed := time.Now()
	l.Committed(2 * time.Minute)
	t.Logf("%d records in a slow minute, the others in %v", written, time.Since(freed).Round(100*time.Millisecond))
	seen := l.Compare(fault)
	atMost(t, seen, 0)
	l.Told()
}

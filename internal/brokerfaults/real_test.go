//go:build kafka

package brokerfaults

import (
	"testing"
	"time"

	"github.com/waterspout/waterspout/internal/realkafka"
)

// Rows whose fault is of a process are of Apache Kafka's, too. A coordinator that was
// killed counts the sessions of its members anew when it is back; one that was stopped
// for less than a session has them still.
func TestProcessFaults(t *testing.T) {
	n, rate := 75_000, 15_000
	if long {
		n, rate = 1_000_000, 25_000
	}
	for _, r := range []struct {
		row
		fault func(*realkafka.Broker) func(*lab)
	}{
		{row{number: "25", name: "killed and started again", replays: true, back: 10 * time.Second}, killed},
		{row{number: "26", name: "stopped", replays: true, back: 5 * time.Second}, stopped},
	} {
		t.Run(r.name, func(t *testing.T) {
			l, k := newProcessLab(t)
			r.judge(t, l.suffer(n, rate, r.fault(k)))
		})
	}
}

func newProcessLab(t *testing.T) (*lab, *realkafka.Broker) {
	t.Helper()
	// A broker that was killed is let in again when its session has ended.
	k, err := realkafka.Start(t.Context(), t.TempDir(), "broker.session.timeout.ms=3000", "broker.heartbeat.interval.ms=500")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	l := &lab{t: t}
	l.connect(k.Addrs())
	for _, topic := range []string{"in:4", "out:4"} {
		if err := l.broker.CreateTopic(t.Context(), topic); err != nil {
			t.Fatal(err)
		}
	}
	return l, k
}

// flowing waits until the job is at work.
func (l *lab) flowing() {
	for l.committed() < 1000 && l.pass(20*time.Millisecond) {
	}
}

// killed is kill -9 and a new start.
func killed(k *realkafka.Broker) func(*lab) {
	return func(l *lab) {
		l.flowing()
		k.Kill()
		if err := k.Restart(l.t.Context()); err != nil {
			l.t.Error(err)
		}
		l.over()
		l.hits++
	}
}

// stopped is SIGSTOP for a second, or for half a minute.
func stopped(k *realkafka.Broker) func(*lab) {
	return func(l *lab) {
		l.flowing()
		if err := k.Freeze(); err != nil {
			l.t.Error(err)
		}
		l.pass(or(time.Second, 30*time.Second))
		if err := k.Thaw(); err != nil {
			l.t.Error(err)
		}
		l.over()
		l.hits++
	}
}

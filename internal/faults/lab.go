//go:build unix

package faults

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/waterspout/waterspout/internal/tweets"
	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/kafka/kafkatest"
)

// A Lab is a Kafka in this process, a NATS in another, and workers. All of it ends
// with the test.
type Lab struct {
	Job    Job
	Broker *kafkatest.Broker
	NATS   *Process
	// Workers are those that were started and not forgotten, in that order.
	Workers []*Process

	t       testing.TB
	proxied bool
	url     string // of NATS
	dir     string
	gauge   *gauge
	control *control
	made    int // workers, of all times

	pouring sync.WaitGroup
	stop    context.CancelFunc
	rate    int
	poured  time.Time // when the pouring ended
	next    atomic.Uint64
}

// partitions is of the input and of the output.
const partitions = 4

// NewLab starts Kafka and NATS. With proxied, each worker gets a Proxy.
func NewLab(t testing.TB, j Job, proxied bool) *Lab {
	t.Helper()
	j = j.filled()
	l := &Lab{Job: j, t: t, proxied: proxied, dir: t.TempDir(), stop: func() {}}
	l.Broker = kafkatest.Start(t, fmt.Sprint(j.In, ":", partitions), fmt.Sprint(j.Out, ":", partitions))
	if j.Session > 0 {
		l.allow(j.Session)
	}
	var err error
	if l.gauge, err = newGauge(l.Broker.Addrs(), j.Out); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.gauge.close)
	l.control = newControl()
	t.Cleanup(l.control.close)
	t.Cleanup(l.guard(j.Group, j.In))
	t.Cleanup(func() { l.stop(); l.pouring.Wait() })
	l.StartNATS()
	return l
}

// allow lets members of groups have that session timeout.
func (l *Lab) allow(session time.Duration) {
	l.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(l.Broker.Addrs()...))
	if err != nil {
		l.t.Fatal(err)
	}
	defer client.Close()
	text := fmt.Sprint(session.Milliseconds())
	_, err = kadm.NewClient(client).AlterBrokerConfigs(l.t.Context(), []kadm.AlterConfig{
		{Op: kadm.SetConfig, Name: "group.min.session.timeout.ms", Value: &text},
	})
	if err != nil {
		l.t.Fatal(err)
	}
}

// guard watches that no commit goes back, until the result is called.
func (l *Lab) guard(group, topic string) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var watch sync.WaitGroup
	watch.Go(func() {
		again := time.NewTicker(200 * time.Millisecond)
		defer again.Stop()
		highest := kafkatest.Offsets{}
		for ctx.Err() == nil {
			of, err := l.Broker.Committed(ctx, group)
			if err != nil && ctx.Err() == nil {
				l.t.Error(err)
			}
			for p, at := range of[topic] {
				if at < highest[p] {
					l.t.Errorf("the commit of partition %d went back from %d to %d", p, highest[p], at)
				}
				highest[p] = at
			}
			select {
			case <-again.C:
			case <-ctx.Done():
			}
		}
	})
	return func() { cancel(); watch.Wait() }
}

// StartNATS starts NATS, again if it has ended: at the same address, with the same
// directory.
func (l *Lab) StartNATS() {
	l.t.Helper()
	addr := "127.0.0.1:0"
	if l.url != "" {
		addr = l.url[len("nats://"):]
	}
	l.made++
	l.NATS = start(l.t, fmt.Sprint("nats-", l.made), role{NATS: &natsRole{Addr: addr, Dir: l.dir}})
	s, ok := l.NATS.Status()
	if !ok || s.URL == "" {
		l.t.Fatal("NATS does not start")
	}
	l.url = s.URL
}

// Start starts n workers of the lab's job, and waits until each has its tasks.
func (l *Lab) Start(n int) (started []*Process) {
	l.t.Helper()
	for range n {
		started = append(started, l.Launch(l.Job))
	}
	l.Settle()
	return started
}

// Launch starts a worker of a job and does not wait for it.
func (l *Lab) Launch(j Job) *Process {
	l.t.Helper()
	l.made++
	r := workerRole{Job: j.filled(), Name: fmt.Sprint("w", l.made), URL: l.url, Brokers: l.Broker.Addrs()}
	var proxy *Proxy
	if l.proxied {
		var err error
		if proxy, err = NewProxy(l.url, uint64(l.made)); err != nil {
			l.t.Fatal(err)
		}
		l.t.Cleanup(proxy.Close)
		r.URL = proxy.URL()
	}
	p := start(l.t, r.Name, role{Worker: &r})
	p.Proxy = proxy
	l.Workers = append(l.Workers, p)
	return p
}

// Pour fills the input with so many tweets a second, until Stop or the end.
func (l *Lab) Pour(rate int) {
	ctx, cancel := context.WithCancel(context.Background())
	l.stop, l.rate = cancel, rate
	topic := l.Job.In
	l.pouring.Go(func() {
		records := tweets.Paced(ctx, tweets.New(1).Records(l.next.Load(), 1<<40), rate)
		err := l.Broker.Fill(context.Background(), topic, func(yield func(kafka.Record) bool) {
			for r := range records {
				if l.next.Add(1); !yield(r) {
					return
				}
			}
		})
		if err != nil {
			l.t.Error(err)
		}
	})
}

// Stop ends the pouring.
func (l *Lab) Stop() {
	l.poured = time.Now()
	l.stop()
	l.pouring.Wait()
}

// Fill puts n tweets into the input at once.
func (l *Lab) Fill(n uint64) {
	l.t.Helper()
	from := l.next.Add(n) - n
	if err := l.Broker.Fill(l.t.Context(), l.Job.In, tweets.New(1).Records(from, from+n)); err != nil {
		l.t.Fatal(err)
	}
}

// Written is how many records the output has.
func (l *Lab) Written() int { return l.gauge.count() }

// Marks are how many records of the input are committed, and how many there are.
func (l *Lab) Marks() (committed, end int64) {
	l.t.Helper()
	of, err := l.Broker.Committed(l.t.Context(), l.Job.Group)
	if err != nil {
		l.t.Fatal(err)
	}
	ends, err := l.Broker.EndOffsets(l.t.Context(), l.Job.In)
	if err != nil {
		l.t.Fatal(err)
	}
	return of[l.Job.In].Sum(), ends.Sum()
}

// Flow waits until n more records are written, and something more is committed.
func (l *Lab) Flow(n int) {
	l.t.Helper()
	written := l.Written() + n
	before, _ := l.Marks()
	l.Until(time.Minute, func() (bool, string) {
		committed, end := l.Marks()
		return l.Written() >= written && committed > before,
			fmt.Sprintf("written %d of %d, committed %d of %d", l.Written(), written, committed, end)
	})
}

// Pass lets time pass while the job runs: it is the length of a fault, or of an
// observation, and waits for nothing.
func (l *Lab) Pass(d time.Duration) {
	l.t.Helper()
	select {
	case <-time.After(d):
	case <-l.t.Context().Done():
		l.t.Fatal("the test is over")
	}
}

// Until waits until something holds. If it does not come, the test fails with what it
// says instead, and the logs of the workers end with their goroutines.
func (l *Lab) Until(within time.Duration, holds func() (bool, string)) {
	l.t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	deadline := time.After(within)
	for {
		ok, text := holds()
		if ok {
			return
		}
		select {
		case <-again.C:
		case <-deadline:
			for _, w := range l.Workers {
				w.Dump()
			}
			l.t.Fatalf("not after %v: %s", within, text)
		}
	}
}

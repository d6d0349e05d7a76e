//go:build unix

package faults

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// A gauge reads a topic and remembers when how many records came. One goroutine
// reads; close waits for it.
type gauge struct {
	client *kgo.Client
	quit   context.CancelFunc
	group  sync.WaitGroup

	mu    sync.Mutex // guards the rest
	came  []arrival
	total int
}

type arrival struct {
	at time.Time
	n  int
}

func newGauge(brokers []string, topic string) (*gauge, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(time.Second))
	if err != nil {
		return nil, fmt.Errorf("faults: gauge of %s: %w", topic, err)
	}
	ctx, quit := context.WithCancel(context.Background())
	g := &gauge{client: client, quit: quit}
	g.group.Go(func() { g.read(ctx) })
	return g, nil
}

func (g *gauge) read(ctx context.Context) {
	for ctx.Err() == nil {
		fetches := g.client.PollFetches(ctx)
		n, now := fetches.NumRecords(), time.Now()
		if n == 0 {
			continue
		}
		g.mu.Lock()
		g.came = append(g.came, arrival{now, n})
		g.total += n
		g.mu.Unlock()
	}
}

func (g *gauge) close() {
	g.quit()
	g.group.Wait()
	g.client.Close()
}

// count is how many records came.
func (g *gauge) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.total
}

// silence is the longest time without a record between two times, and when it ended.
func (g *gauge) silence(from, to time.Time) (longest time.Duration, end time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	last := from
	for _, a := range append(g.came[:len(g.came):len(g.came)], arrival{at: to}) {
		if a.at.Before(from) || a.at.After(to) {
			continue
		}
		if d := a.at.Sub(last); d > longest {
			longest, end = d, a.at
		}
		last = a.at
	}
	return longest, end
}

// back is how long after from the rate is back for good: from then to the other time
// each two seconds have 95 % of rate at least. It is the whole time if it never is.
func (g *gauge) back(from, to time.Time, rate int) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	const window, step = 2 * time.Second, 100 * time.Millisecond
	good := to.Sub(from)
	for at := to.Add(-window); !at.Before(from); at = at.Add(-step) {
		n := 0
		for _, a := range g.came {
			if a.at.After(at) && !a.at.After(at.Add(window)) {
				n += a.n
			}
		}
		if n*100 < 2*rate*95 {
			return good
		}
		good = at.Sub(from)
	}
	return 0
}

// series is how many records came in each second since from.
func (g *gauge) series(from, to time.Time) (perSecond []int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	perSecond = make([]int, int(to.Sub(from)/time.Second)+1)
	for _, a := range g.came {
		if a.at.After(from) && a.at.Before(to) {
			perSecond[a.at.Sub(from)/time.Second] += a.n
		}
	}
	return perSecond
}

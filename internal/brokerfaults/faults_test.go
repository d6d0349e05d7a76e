package brokerfaults

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// sometimes makes one of so many requests of a kind that concern a topic be answered
// with an error.
func (l *lab) sometimes(key kmsg.Key, topic string, err *kerr.Error, every int) *kfake.FaultHandle {
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(l.rng.Uint64(), 3)) // When runs on the cluster's goroutine
	return l.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Topic: topic, Err: err, Count: -1, When: func(kmsg.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		return rng.IntN(every) == 0
	}})
}

// whilePouring keeps faults up for as long as the pouring goes on.
func (l *lab) whilePouring(fs ...*kfake.FaultHandle) {
	<-l.ctx.Done()
	l.end(fs...)
}

// over notes that the broker serves again.
func (l *lab) over() { l.back.Store(time.Now().UnixNano()) }

func (l *lab) end(fs ...*kfake.FaultHandle) {
	for _, f := range fs {
		f.Remove()
		l.hits += f.Hits()
	}
}

// ambiguousAcks: one produce request in twenty is written, and its answer says that
// it timed out.
func ambiguousAcks(l *lab) {
	l.whilePouring(l.sometimes(kmsg.Produce, "out", kerr.RequestTimedOut, 20))
}

// wrongLeaders: one request in ten for records of either topic, of either end, is
// answered with not-leader.
func wrongLeaders(l *lab) {
	l.whilePouring(
		l.sometimes(kmsg.Produce, "out", kerr.NotLeaderForPartition, 10),
		l.sometimes(kmsg.Fetch, "in", kerr.NotLeaderForPartition, 10),
	)
}

// refusedCommits: one commit in four is refused as those of a changing group are.
func refusedCommits(l *lab) {
	l.whilePouring(
		l.sometimes(kmsg.OffsetCommit, "in", kerr.IllegalGeneration, 8),
		l.sometimes(kmsg.OffsetCommit, "in", kerr.RebalanceInProgress, 8),
	)
}

// movingLeaders gives all partitions other leaders, again and again.
func movingLeaders(every time.Duration) func(*lab) {
	return func(l *lab) {
		for l.pass(every) {
			l.cluster.ShufflePartitionLeaders()
			l.hits++
		}
	}
}

// movingCoordinators gives all groups other coordinators, again and again.
func movingCoordinators(every time.Duration) func(*lab) {
	return func(l *lab) {
		for l.pass(every) {
			l.cluster.RehashCoordinators()
			l.hits++
		}
	}
}

// cuts breaks a connection at one of so many reads and writes of the broker.
func cuts(every int64) func(*lab) {
	return func(l *lab) {
		l.cutter.every.Store(every)
		<-l.ctx.Done()
		l.cutter.every.Store(0)
		l.hits += int(l.cutter.cuts.Swap(0))
	}
}

// tooFewReplicas refuses all that the job writes, for a while.
func tooFewReplicas(d time.Duration) func(*lab) {
	return func(l *lab) {
		l.pass(d / 10)
		h := l.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "out", Err: kerr.NotEnoughReplicas, Count: -1})
		l.pass(d)
		l.end(h)
		l.over()
	}
}

// frozen makes the broker stand still with all connections open, for a while: it
// handles one request at a time, and does not come to an end with this one.
func frozen(d time.Duration) func(*lab) {
	return func(l *lab) {
		l.pass(d / 10)
		still, warm := make(chan struct{}), make(chan struct{})
		l.cluster.Control(func(kmsg.Request) (kmsg.Response, error, bool) {
			l.cluster.DropControl()
			close(still)
			<-warm
			return nil, nil, false
		})
		<-still
		l.pass(d)
		close(warm)
		l.over()
		l.hits++
	}
}

// gone makes the broker hang up on every request, for a while.
func gone(d time.Duration) func(*lab) {
	return func(l *lab) {
		l.pass(d / 10)
		over := make(chan struct{})
		var refused atomic.Int64
		l.cluster.Control(func(kmsg.Request) (kmsg.Response, error, bool) {
			select {
			case <-over:
				l.cluster.DropControl()
				return nil, nil, false
			default:
				l.cluster.KeepControl()
				refused.Add(1)
				return nil, errors.New("gone"), true
			}
		})
		l.pass(d)
		close(over)
		l.over()
		l.hits += int(refused.Load())
	}
}

// comingAndGoing has a second copier join the group, and leave it in order, again
// and again.
func comingAndGoing(every time.Duration) func(*lab) {
	return func(l *lab) {
		for l.pass(every) {
			r, err := l.start()
			if err != nil {
				l.t.Error(err)
				return
			}
			l.pass(every)
			l.drain(r)
			l.hits++
		}
	}
}

//go:build unix

package main

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/waterspout/waterspout/internal/tweets"
	"github.com/waterspout/waterspout/kafka/kafkatest"
)

// A world is a Kafka in the test's process, and the program outside of it.
type world struct {
	t       *testing.T
	broker  *kafkatest.Broker
	in, out tweets.Data
}

func newWorld(t *testing.T) *world {
	return &world{
		t: t, broker: kafkatest.Start(t, "in:5", "out:5", "dead"),
		in: tweets.Data{Topic: "in"}, out: tweets.Data{Topic: "out"},
	}
}

// follow starts the program.
func (w *world) follow(args ...string) *process {
	w.t.Helper()
	brokers := strings.Join(w.broker.Addrs(), ",")
	return start(w.t, append([]string{"-follow", "-json", "-brokers", brokers, "-in", "in", "-out", "out"}, args...)...)
}

// pour fills the input at a steady rate until the result is called.
func (w *world) pour(rate int) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var pouring sync.WaitGroup
	pouring.Go(func() {
		records := tweets.Paced(ctx, tweets.New(2).Records(0, 1<<40), rate)
		if err := w.broker.Fill(context.Background(), "in", records); err != nil {
			w.t.Error(err)
		}
	})
	stop = sync.OnceFunc(func() { cancel(); pouring.Wait() })
	w.t.Cleanup(stop)
	return stop
}

// marks are how many records of the input are committed, and how many there are.
func (w *world) marks() (committed, end int64) {
	w.t.Helper()
	of, err := w.broker.Committed(w.t.Context(), "terran")
	if err != nil {
		w.t.Fatal(err)
	}
	ends, err := w.broker.EndOffsets(w.t.Context(), w.in.Topic)
	if err != nil {
		w.t.Fatal(err)
	}
	return of[w.in.Topic].Sum(), ends.Sum()
}

// await waits until the marks are as wanted.
func (w *world) await(wanted func(committed, end int64) bool) {
	w.t.Helper()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	deadline := time.After(30 * time.Second)
	for {
		committed, end := w.marks()
		if wanted(committed, end) {
			return
		}
		select {
		case <-again.C:
		case <-deadline:
			w.t.Fatalf("stuck at %d of %d", committed, end)
		}
	}
}

func (w *world) awaitEnd() {
	w.t.Helper()
	w.await(func(committed, end int64) bool { return committed == end })
}

func (w *world) check(c tweets.Check) tweets.Verdict {
	w.t.Helper()
	v, err := c.Run(w.t.Context(), w.broker)
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// bury makes the broker forget the members of the group at once, as it does
// after their session timeout.
func (w *world) bury() {
	w.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(w.broker.Addrs()...))
	if err != nil {
		w.t.Fatal(err)
	}
	defer client.Close()
	describe := kmsg.NewPtrDescribeGroupsRequest()
	describe.Groups = []string{"terran"}
	described, err := describe.RequestWith(w.t.Context(), client)
	if err != nil {
		w.t.Fatal(err)
	}
	leave := kmsg.NewPtrLeaveGroupRequest()
	leave.Group = "terran"
	for _, m := range described.Groups[0].Members {
		leave.Members = append(leave.Members, kmsg.LeaveGroupRequestMember{MemberID: m.MemberID})
	}
	if _, err := leave.RequestWith(w.t.Context(), client); err != nil {
		w.t.Fatal(err)
	}
}

// Each kill may double what was written and not committed, and nothing else.
func TestKillsLoseNothing(t *testing.T) {
	t.Parallel()
	const rate = 3000
	w := newWorld(t)
	stop := w.pour(rate)
	var before, doubled int64
	for kill := range 10 {
		p := w.follow()
		w.await(func(committed, end int64) bool { return before < committed && committed < end })
		p.signal(syscall.SIGKILL)
		<-p.ended
		committed, end := w.marks()
		if committed <= 0 || committed >= end {
			t.Fatalf("kill %d: committed %d of %d", kill, committed, end)
		}
		v := w.check(tweets.Check{In: w.in, Out: w.out})
		// All before the commit is there once at least; the rest of the
		// output was in flight, or acked and not committed yet.
		written := int64(v.Out - v.Duplicates)
		t.Logf("kill %d: read %d, committed %d, written %d, doubled so far %d", kill, end, committed, written, v.Duplicates)
		if v.Phantoms > 0 || written < committed {
			t.Fatalf("kill %d: committed %d, but %+v", kill, committed, v)
		}
		if int64(v.Duplicates) > doubled {
			t.Fatalf("kill %d: %d doubled, of at most %d", kill, v.Duplicates, doubled)
		}
		doubled, before = int64(v.Duplicates)+written-committed, committed
		w.bury()
	}
	stop()
	p := w.follow()
	w.awaitEnd()
	p.end()
	v := w.check(tweets.Check{In: w.in, Out: w.out})
	if v.Missing > 0 || v.Phantoms > 0 || int64(v.Duplicates) > doubled {
		t.Errorf("%+v, with at most %d doubled", v, doubled)
	}
	if v.Duplicates > 10*(5*4096+rate) {
		t.Errorf("%d doubled by ten kills", v.Duplicates)
	}
}

// A program that is asked to end finishes what it has begun, whenever it is
// asked.
func TestATerminatedRunDoublesNothing(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	moments := rand.New(rand.NewPCG(seed, 0))
	w := newWorld(t)
	stop := w.pour(3000)
	for range 8 {
		p := w.follow()
		<-p.spoke // before that a signal is the system's
		select {  // a moment of its life: opening, joining, working
		case <-time.After(time.Duration(moments.Int64N(int64(1500 * time.Millisecond)))):
		case <-p.ended:
			t.Fatal("ended by itself")
		}
		p.end()
		if v := w.check(tweets.Check{In: w.in, Out: w.out}); v.Duplicates > 0 || v.Phantoms > 0 {
			t.Fatalf("%+v", v)
		}
	}
	stop()
	p := w.follow()
	w.awaitEnd()
	p.end()
	if v := w.check(tweets.Check{In: w.in, Out: w.out}); !v.OK() {
		t.Errorf("%+v", v)
	}
}

func TestTheSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stuck := w.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "out", Err: kerr.NotEnoughReplicas, Count: -1})
	p := w.follow()
	w.pour(100)
	awaitHit(t, stuck)
	p.insist()
}

func awaitHit(t *testing.T, fault *kfake.FaultHandle) {
	t.Helper()
	for deadline := time.After(20 * time.Second); fault.Hits() == 0; {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-deadline:
			t.Fatal("nothing was written")
		}
	}
}

// atOnce is a small part of the grace, which is what a program takes that waits for
// what is stuck.
const atOnce = time.Second

// insist sends SIGTERM until the program ends, and wants it to end at once of the
// second one. More are sent since the first may still be on its way into the program.
func (p *process) insist() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	var second time.Time
	for {
		select {
		case <-p.ended:
			state := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
			if took := time.Since(second); !state.Signaled() || state.Signal() != syscall.SIGTERM || second.IsZero() || took > atOnce {
				p.t.Errorf("ended with %v, %v after the second SIGTERM", p.cmd.ProcessState, took)
			}
			return
		case <-ticker.C:
			if second.IsZero() {
				second = time.Now()
			}
			_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended just now
		}
	}
}

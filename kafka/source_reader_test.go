package kafka_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/kafka/kafkatest"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/tuple"
)

// A reader runs one Source as the engine would, and keeps what it emits. Its
// decide says what becomes of each record; without one, records stay open.
type reader struct {
	t      testing.TB
	source *kafka.Source
	cancel context.CancelFunc
	log    *logBook
	done   chan struct{} // Run has returned
	err    error         // of Run

	mu      sync.Mutex
	changed *sync.Cond
	emitted []emitted
	open    map[uint64]kafka.Record
	decide  func(r kafka.Record) error // nil acks
	blocked bool                       // EmitID blocks
	answers chan func()                // run on the one goroutine of Ack and Fail
	closed  bool
	wg      sync.WaitGroup
}

type emitted struct {
	kafka.Record
	id uint64
}

// errHeld is what decide returns to leave a record open.
var errHeld = fmt.Errorf("held")

func ack(kafka.Record) error  { return nil }
func hold(kafka.Record) error { return errHeld }

// quick has the times of a test: rebalances are noticed at once.
func quick() *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.V3_6_0_0
	c.Net.DialTimeout = time.Second
	c.Metadata.Retry.Max = 2
	c.Metadata.Retry.Backoff = 50 * time.Millisecond
	c.Consumer.MaxWaitTime = 50 * time.Millisecond
	c.Consumer.Retry.Backoff = 50 * time.Millisecond
	c.Consumer.Group.Heartbeat.Interval = 50 * time.Millisecond
	c.Consumer.Group.Rebalance.Timeout = 4 * time.Second
	c.Consumer.Group.Rebalance.Retry.Backoff = 50 * time.Millisecond
	c.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategyCooperativeSticky()}
	return c
}

func spoutOf(b *kafkatest.Broker, topics ...string) kafka.Spout {
	return kafka.Spout{Brokers: b.Addrs(), Topics: topics, Group: "terran", Sarama: quick(), CommitEvery: 20 * time.Millisecond}
}

// newReader opens a Source; start runs it.
func newReader(t testing.TB, spec kafka.Spout, index int, decide func(kafka.Record) error) *reader {
	t.Helper()
	r := &reader{
		t: t, source: spec.New(), log: &logBook{}, done: make(chan struct{}),
		open: map[uint64]kafka.Record{}, decide: decide, answers: make(chan func(), 1<<20),
	}
	r.changed = sync.NewCond(&r.mu)
	task := tuple.Task{Topology: "t", Component: "read", Index: index, Count: 1, Log: slog.New(r.log)}
	if err := r.source.Open(t.Context(), task); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	r.wg.Go(func() {
		r.err = r.source.Run(ctx, spout.NewEmitter[kafka.Record](r))
		close(r.done)
		r.notify()
	})
	answers := r.answers
	r.wg.Go(func() {
		for f := range answers {
			f()
			r.notify()
		}
	})
	t.Cleanup(func() { r.stop() })
	return r
}

func start(t testing.TB, spec kafka.Spout, decide func(kafka.Record) error) *reader {
	t.Helper()
	return newReader(t, spec, 0, decide)
}

func (r *reader) notify() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changed.Broadcast()
}

func (r *reader) Emit(kafka.Record) bool { panic("a Source tracks what it emits") }

func (r *reader) EmitID(v kafka.Record, id uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.blocked && !r.closed {
		r.changed.Wait()
	}
	if r.closed {
		return false
	}
	if _, twice := r.open[id]; twice {
		r.t.Errorf("id %x emitted while open", id)
	}
	r.open[id] = v
	r.emitted = append(r.emitted, emitted{v, id})
	if r.decide != nil {
		if err := r.decide(v); err != errHeld {
			r.answer(id, err)
		}
	}
	r.changed.Broadcast()
	return true
}

// answer ends a record. Call it with mu held.
func (r *reader) answer(id uint64, err error) {
	delete(r.open, id)
	r.answers <- func() {
		if err == nil {
			r.source.Ack(id)
			return
		}
		why, ok := err.(tuple.Failure)
		if !ok {
			why = tuple.Failure{Kind: tuple.Error, Component: "decode", Text: err.Error()}
		}
		r.source.Fail(id, why)
	}
}

// settle ends all open records that want it.
func (r *reader) settle(decide func(kafka.Record) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, v := range r.open {
		if err := decide(v); err != errHeld {
			r.answer(id, err)
		}
	}
}

func (r *reader) block(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.blocked = on
	r.changed.Broadcast()
}

// drain ends Run as the engine does, and waits for it.
func (r *reader) drain() error {
	r.cancel()
	r.mu.Lock()
	r.closed = true
	r.changed.Broadcast()
	r.mu.Unlock()
	select {
	case <-r.done:
	case <-time.After(patience):
		r.t.Fatal("Run does not return")
	}
	return r.err
}

// stop drains, fails what is open, and closes.
func (r *reader) stop() {
	r.mu.Lock()
	again := r.answers == nil
	r.mu.Unlock()
	if again {
		return
	}
	r.drain()
	r.settle(func(kafka.Record) error { return tuple.Failure{Kind: tuple.Shutdown} })
	r.mu.Lock()
	answers := r.answers
	r.answers = nil
	r.mu.Unlock()
	close(answers)
	r.wg.Wait()
	if err := r.source.Close(); err != nil {
		r.t.Errorf("close: %v", err)
	}
}

// until waits for a condition on what was emitted.
func (r *reader) until(what string, cond func() bool) {
	r.t.Helper()
	expired := time.AfterFunc(patience, r.notify)
	defer expired.Stop()
	deadline := time.Now().Add(patience)
	r.mu.Lock()
	defer r.mu.Unlock()
	for !cond() {
		if time.Now().After(deadline) {
			r.t.Fatalf("waited too long until %s; emitted %d, detail %v, log:\n%s", what, len(r.emitted), r.source.Detail(), r.log)
		}
		r.changed.Wait()
	}
}

func (r *reader) untilEmitted(n int) {
	r.t.Helper()
	r.until(fmt.Sprintf("%d records are emitted", n), func() bool { return len(r.emitted) >= n })
}

// values are the values emitted so far.
func (r *reader) values() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var vs []string
	for _, e := range r.emitted {
		vs = append(vs, string(e.Value))
	}
	return vs
}

// partitions are those that Detail shows.
func (r *reader) partitions() int {
	n := 0
	for k := range r.source.Detail() {
		if strings.Contains(k, "/") {
			n++
		}
	}
	return n
}

// eventually polls what no channel tells, such as the broker's state.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for deadline := time.Now().Add(patience); !cond(); <-look.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited too long until %s", what)
		}
	}
}

// committed is the committed offset of a partition, -1 for none.
func committed(t testing.TB, b *kafkatest.Broker, topic string, partition int32) int64 {
	t.Helper()
	all, err := b.Committed(t.Context(), "terran")
	if err != nil {
		return -1 // such as a group that is not there yet
	}
	if at, found := all[topic][partition]; found {
		return at
	}
	return -1
}

func untilCommitted(t testing.TB, b *kafkatest.Broker, topic string, partition int32, want int64) {
	t.Helper()
	var got int64
	defer func() {
		if t.Failed() {
			t.Logf("committed %d of %s/%d, want %d", got, topic, partition, want)
		}
	}()
	eventually(t, fmt.Sprintf("%d is committed", want), func() bool {
		got = committed(t, b, topic, partition)
		return got == want
	})
}

// numbered are records with the values from, from+1, ...
func series(from, n int) []kafka.Record {
	rs := make([]kafka.Record, n)
	for i := range rs {
		rs[i] = kafka.Of(fmt.Append(nil, from+i))
	}
	return rs
}

func put(t testing.TB, b *kafkatest.Broker, topic string, rs ...kafka.Record) {
	t.Helper()
	if err := b.Produce(t.Context(), topic, rs...); err != nil {
		t.Fatal(err)
	}
}

// franz is another client, for what kafkatest does not do.
func franz(t testing.TB, b *kafkatest.Broker, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(b.Addrs()...))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// A logBook keeps log lines.
type logBook struct {
	mu    sync.Mutex
	lines []string
}

func (l *logBook) Enabled(context.Context, slog.Level) bool { return true }
func (l *logBook) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *logBook) WithGroup(string) slog.Handler            { return l }
func (l *logBook) Handle(_ context.Context, r slog.Record) error {
	line := r.Level.String() + " " + r.Message
	r.Attrs(func(a slog.Attr) bool { line += " " + a.String(); return true })
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
	return nil
}

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

// count is how many lines contain text.
func (l *logBook) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, line := range l.lines {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

package kafkaio_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/waterspout/waterspout/internal/kafkaio"
	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/kafka/kafkatest"
)

// joined is a Member that hands its claims to the test.
func joined(t *testing.T, b *kafkatest.Broker, instance string, change func(*sarama.Config)) (*kafkaio.Member, <-chan *kafkaio.Claim) {
	t.Helper()
	user := sarama.NewConfig()
	user.Consumer.MaxWaitTime = 50 * time.Millisecond
	user.Consumer.Group.Heartbeat.Interval = 50 * time.Millisecond
	change(user)
	conf, err := kafkaio.ReaderConfig(user, instance, false)
	if err != nil {
		t.Fatal(err)
	}
	claims := make(chan *kafkaio.Claim, 10)
	m, err := kafkaio.Connect(t.Context(), kafkaio.MemberConfig{
		Brokers: b.Addrs(), Topics: []string{"in"}, Group: "terran", Sarama: conf, Log: slog.New(slog.DiscardHandler),
		Claimed: func(c *kafkaio.Claim) { claims <- c },
		Revoked: func(*kafkaio.Claim) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Join(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() }) // also a second time
	return m, claims
}

// A member that does not know yet that its partition is somebody else's commits
// nothing any more.
func TestCommitIsFenced(t *testing.T) {
	broker := fresh(t, "in")
	zombie, claims := joined(t, broker, "spire", func(c *sarama.Config) {
		c.Consumer.Group.Session.Timeout = time.Minute
		c.Consumer.Group.Heartbeat.Interval = 30 * time.Second
	})
	old := <-claims
	if err := zombie.Commit(kafkaio.Point{Claim: old, Offset: 3})[0]; err != nil {
		t.Fatal(err)
	}
	successor, claims := joined(t, broker, "spire", func(*sarama.Config) {})
	c := <-claims
	if c.Start != 3 {
		t.Errorf("start %d, want the committed 3", c.Start)
	}
	if err := successor.Commit(kafkaio.Point{Claim: c, Offset: 10})[0]; err != nil {
		t.Fatal(err)
	}
	if err := zombie.Commit(kafkaio.Point{Claim: old, Offset: 5})[0]; err == nil || !kafkaio.Lost(err) {
		t.Errorf("the zombie's commit: %v", err)
	}
	committed, err := successor.Committed(map[string][]int32{"in": {0}})
	if err != nil || committed["in"][0] != 10 {
		t.Errorf("committed %v, want 10; %v", committed, err)
	}
	if err := zombie.Close(); err != nil {
		t.Error(err)
	}
	if err := successor.Commit(kafkaio.Point{Claim: c, Offset: 11})[0]; err != nil {
		t.Errorf("after the zombie has left: %v", err)
	}
}

// Batches come in order, and none after the claim is lost.
func TestClaimTake(t *testing.T) {
	broker := fresh(t, "in")
	const n = 20
	for i := range n { // a batch each
		if err := broker.Produce(t.Context(), "in", kafka.Of(fmt.Append(nil, i))); err != nil {
			t.Fatal(err)
		}
	}
	m, claims := joined(t, broker, "", func(c *sarama.Config) { c.Consumer.Fetch.Default = 1 })
	c := <-claims
	next := int64(0)
	for next < n {
		b, ok := c.Take()
		if !ok {
			<-m.Ready()
			continue
		}
		if len(b.Records) != 1 || b.Records[0].Offset() != next || b.Next != next+1 {
			t.Fatalf("batch of %d records, next %d; want offset %d", len(b.Records), b.Next, next)
		}
		next = b.Next
	}
	if c.End() != n {
		t.Errorf("end %d, want %d", c.End(), n)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if _, ok := c.Take(); ok {
		t.Error("a batch after the claim was lost")
	}
	select {
	case <-c.Lost():
	default:
		t.Error("the claim of a closed member is not lost")
	}
}

// A poll that nothing comes of ends when the claim is lost.
func TestPollIsCutShort(t *testing.T) {
	broker := fresh(t, "in")
	if err := broker.Produce(t.Context(), "in", kafka.Of([]byte("a"))); err != nil {
		t.Fatal(err)
	}
	const wait = time.Minute
	m, claims := joined(t, broker, "", func(c *sarama.Config) { c.Consumer.MaxWaitTime = wait })
	c := <-claims
	for end := int64(-1); end < 1; end = c.End() { // then a poll is on its way, or about to be
		if _, ok := c.Next(t.Context()); !ok {
			t.Fatal("the claim is lost")
		}
	}
	begin := time.Now()
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > wait/2 {
		t.Errorf("closed after %v", took)
	}
}

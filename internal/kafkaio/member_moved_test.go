package kafkaio_test

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/waterspout/waterspout/internal/kafkaio"
	"github.com/waterspout/waterspout/kafka/kafkatest"
)

// claimAfter connects a member, and has it join after move was called. It fails the
// test if no partition is claimed.
func claimAfter(t *testing.T, broker *kafkatest.Broker, move func()) {
	t.Helper()
	conf, err := kafkaio.ReaderConfig(nil, "", false)
	if err != nil {
		t.Fatal(err)
	}
	claims := make(chan *kafkaio.Claim, 1)
	m, err := kafkaio.Connect(t.Context(), kafkaio.MemberConfig{
		Brokers: broker.Addrs(), Topics: []string{"in"}, Group: "terran", Sarama: conf, Log: slog.New(slog.DiscardHandler),
		Claimed: func(c *kafkaio.Claim) { claims <- c },
		Revoked: func(*kafkaio.Claim) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() }) // what the test is about is over
	move()
	if err := m.Join(t.Context()); err != nil {
		t.Fatal(err)
	}
	select {
	case <-claims:
	case <-time.After(10 * time.Second):
		doing, err := m.Trouble()
		t.Fatalf("the partition is never claimed: %s fails with %v", doing, err)
	}
}

// hangUp makes a node close the connection on every request of a kind.
func hangUp(c *kfake.Cluster, node int32, key kmsg.Key) {
	c.ControlKey(key.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if c.CurrentNode() == node {
			return nil, errors.New("gone"), true
		}
		return nil, nil, false
	})
}

// A coordinator that is gone, and cannot say that the group is elsewhere by now, is
// not asked for ever where a partition begins.
func TestClaimFindsTheCoordinator(t *testing.T) {
	broker := kafkatest.Start(t, "in")
	c := broker.Cluster()
	claimAfter(t, broker, func() {
		was := c.CoordinatorFor("terran")
		for c.CoordinatorFor("terran") == was {
			c.RehashCoordinators()
		}
		// With the leader elsewhere, a connection to it would have the coordinator
		// looked up by the way.
		if err := c.MoveTopicPartition("in", 0, c.CoordinatorFor("terran")); err != nil {
			t.Fatal(err)
		}
		hangUp(c, was, kmsg.OffsetFetch)
	})
}

// Nor is a leader that is gone.
func TestClaimFindsTheLeader(t *testing.T) {
	broker := kafkatest.Start(t, "in")
	c := broker.Cluster()
	was := (c.CoordinatorFor("terran") + 1) % 3
	if err := c.MoveTopicPartition("in", 0, was); err != nil {
		t.Fatal(err)
	}
	claimAfter(t, broker, func() {
		if err := c.MoveTopicPartition("in", 0, c.CoordinatorFor("terran")); err != nil {
			t.Fatal(err)
		}
		hangUp(c, was, kmsg.ListOffsets)
	})
}

package kafkaio_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/waterspout/waterspout/internal/kafkaio"
	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/kafka/kafkatest"
)

// readTo reads a claim with Next up to an offset.
func readTo(t *testing.T, c *kafkaio.Claim, end int64) (records []kafkaio.Record) {
	t.Helper()
	for at := int64(-1); at < end; {
		b, ok := c.Next(t.Context())
		if !ok {
			t.Fatalf("no batch after %d", at)
		}
		for _, r := range b.Records {
			records = append(records, r.Record())
		}
		at = b.Next
	}
	return records
}

// A rewound reader has again what was read, and the claim's own reading goes on
// beside it.
func TestRewound(t *testing.T) {
	broker := kafkatest.Start(t, "in")
	put := func(values ...string) {
		for _, v := range values {
			if err := broker.Produce(t.Context(), "in", kafka.Of([]byte(v))); err != nil {
				t.Fatal(err)
			}
		}
	}
	put("a", "b", "c")
	_, claims := joined(t, broker, "", func(*sarama.Config) {})
	c := <-claims
	readTo(t, c, 3)
	again, fetch := c.Rewound(1)
	ctx, cancel := context.WithCancel(t.Context())
	var fetching sync.WaitGroup
	fetching.Go(func() { fetch(ctx) })
	if got := readTo(t, again, 3); len(got) != 2 || string(got[0].Value) != "b" || again.Start != 1 {
		t.Errorf("read again: %v", got)
	}
	put("d")
	if got := readTo(t, c, 4); len(got) != 1 || string(got[0].Value) != "d" {
		t.Errorf("read on: %v", got)
	}
	cancel()
	fetching.Wait()
}

// Next ends with its context, and with the claim, the rewound one's too.
func TestNextEnds(t *testing.T) {
	broker := kafkatest.Start(t, "in")
	m, claims := joined(t, broker, "", func(*sarama.Config) {})
	c := <-claims
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, ok := c.Next(ctx); ok {
		t.Error("a batch of an empty partition")
	}
	again, _ := c.Rewound(0)
	var waiting sync.WaitGroup
	for _, c := range []*kafkaio.Claim{c, again} {
		waiting.Go(func() {
			if _, ok := c.Next(t.Context()); ok {
				t.Error("a batch of a lost claim")
			}
		})
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	waiting.Wait()
}

// How far a reader is behind is known also while it takes nothing.
func TestEndOfAClaimThatIsNotRead(t *testing.T) {
	broker := kafkatest.Start(t, "in")
	put := func(n int) {
		for range n { // a batch each
			if err := broker.Produce(t.Context(), "in", kafka.Of([]byte("a"))); err != nil {
				t.Fatal(err)
			}
		}
	}
	put(5)
	ahead := make(chan struct{}, 100)
	broker.Cluster().ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		broker.Cluster().KeepControl()
		for _, topic := range r.(*kmsg.FetchRequest).Topics {
			if topic.Partitions[0].FetchOffset == 1 {
				ahead <- struct{}{}
			}
		}
		return nil, nil, false
	})
	_, claims := joined(t, broker, "", func(c *sarama.Config) { c.Consumer.Fetch.Default = 1 })
	c := <-claims
	<-ahead // the second batch, with which the reader waits for somebody to take the first
	put(5)
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for deadline := time.After(10 * time.Second); c.End() < 10; {
		select {
		case <-look.C:
		case <-deadline:
			t.Fatalf("end %d, want 10", c.End())
		}
	}
}

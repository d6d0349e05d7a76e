package kafkaio

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"
)

// topicClient knows topics by their number of partitions, and has brokers that may know
// others.
type topicClient struct {
	sarama.Client
	partitions map[string]int32
	brokers    map[string]int32 // nil is as the client
	lookups    int
	refreshed  int
	err        error // of a refresh
}

func (c *topicClient) RefreshMetadata(topics ...string) error {
	c.refreshed++
	for _, topic := range topics {
		if n, ok := c.brokers[topic]; ok && c.err == nil {
			c.partitions[topic] = n
		}
	}
	return c.err
}

func (c *topicClient) Partitions(topic string) ([]int32, error) {
	c.lookups++
	if _, ok := c.partitions[topic]; !ok && c.brokers != nil { // as sarama's does
		_ = c.RefreshMetadata(topic)
	}
	n, ok := c.partitions[topic]
	if !ok {
		return nil, sarama.ErrUnknownTopicOrPartition
	}
	numbers := make([]int32, n)
	for i := range numbers {
		numbers[i] = int32(i)
	}
	return numbers, nil
}

// The hashes are those of the tests of the Java client (UtilsTest.testMurmur2).
func TestRouterPutsKeysWhereJavaDoes(t *testing.T) {
	const partitions = 1000
	r := newRouter[int](&topicClient{partitions: map[string]int32{"t": partitions}})
	for key, hash := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
		"a-little-bit-longer-string": -1486304829, "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
		"abc": 479470107,
	} {
		p, err := r.partition(&Record{Topic: "t", Key: []byte(key)}, false)
		if err != nil {
			t.Fatal(err)
		}
		if want := (hash & 0x7fffffff) % partitions; p.number != want {
			t.Errorf("key %q goes to partition %d, want %d", key, p.number, want)
		}
	}
}

func TestRouterSticksForAChunk(t *testing.T) {
	r := newRouter[int](&topicClient{partitions: map[string]int32{"t": 3}})
	seen := map[int32]int{}
	for range 6 {
		first, _ := r.partition(&Record{Topic: "t"}, false)
		second, _ := r.partition(&Record{Topic: "t"}, false)
		if first != second {
			t.Error("the chunk is spread")
		}
		seen[first.number]++
		r.next(1, true)
	}
	if fmt.Sprint(seen) != "map[0:2 1:2 2:2]" {
		t.Errorf("chunks by partition: %v", seen)
	}
}

// TestRouterSharesByBytes: under load a partition gets its share in a row, and all get
// the same.
func TestRouterSharesByBytes(t *testing.T) {
	r := newRouter[int](&topicClient{partitions: map[string]int32{"t": 3}})
	const bytes = share / 8
	seen, turns, last := map[int32]int{}, 0, int32(-1)
	for range 6 * 8 {
		p, _ := r.partition(&Record{Topic: "t"}, false)
		if p.number != last {
			turns++
		}
		last = p.number
		seen[last] += bytes
		r.next(bytes, false)
	}
	if turns != 6 || seen[0] != 2*share || seen[1] != 2*share || seen[2] != 2*share {
		t.Errorf("%d turns, bytes by partition: %v", turns, seen)
	}
}

func TestRouterSeesNewPartitions(t *testing.T) {
	c := &topicClient{partitions: map[string]int32{"t": 1}}
	r := newRouter[int](c)
	last := &Record{Topic: "t", Partition: 1}
	if _, err := r.partition(last, true); err == nil || !strings.Contains(err.Error(), "1 of 1") {
		t.Errorf("partition 1 of 1: %v", err)
	}
	c.partitions["t"] = 2
	r.next(1, true)
	if p, err := r.partition(last, true); err != nil || p.number != 1 {
		t.Errorf("partition 1 of 2: %v", err)
	}
	c.partitions["t"] = 1 // created anew
	r.next(1, true)
	if _, err := r.partition(last, true); err == nil || !strings.Contains(err.Error(), "1 of 1") {
		t.Errorf("partition 1 of 1: %v", err)
	}
	delete(c.partitions, "t") // an outage, once it was known
	r.next(1, true)
	if _, err := r.partition(&Record{Topic: "t"}, false); err != nil {
		t.Errorf("the topic is gone: %v", err)
	}
}

func TestRouterDoesNotAskAgainAtOnce(t *testing.T) {
	c := &topicClient{}
	r := newRouter[int](c)
	for range 10 {
		if _, err := r.partition(&Record{Topic: "nowhere"}, false); err == nil {
			t.Fatal("found")
		}
	}
	if c.lookups != 1 {
		t.Errorf("%d look-ups of a missing topic, want 1", c.lookups)
	}
}

// What was added while the Writer runs is found without waiting for the client's own
// refresh, and what the brokers were not asked about is not refused for good.
func TestRouterAsksBeforeItRefuses(t *testing.T) {
	for name, rec := range map[string]*Record{"a partition": {Topic: "t", Partition: 1}, "a topic": {Topic: "late"}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &topicClient{partitions: map[string]int32{"t": 1}, brokers: map[string]int32{"t": 1}}
				r := newRouter[int](c)
				wantRefused(t, &r, rec, true)
				c.brokers = map[string]int32{"t": 2, "late": 1}
				wantRefused(t, &r, rec, false)
				time.Sleep(lookupPause)
				if p, err := r.partition(rec, true); err != nil || p.number != rec.Partition {
					t.Errorf("it is there: %v", err)
				}
				if c.refreshed != 2 {
					t.Errorf("%d refreshes, want 2", c.refreshed)
				}
			})
		})
	}
}

// Those that were put off are refused when they come again, all of them, and the
// brokers are asked once a second.
func TestRouterRefusesAllThatWerePutOff(t *testing.T) {
	for name, rec := range map[string]*Record{"a partition": {Topic: "t", Partition: 1}, "a topic": {Topic: "nowhere"}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &topicClient{partitions: map[string]int32{"t": 1}, brokers: map[string]int32{"t": 1}}
				r := newRouter[int](c)
				wantRefused(t, &r, rec, true)
				for range 100 {
					wantRefused(t, &r, rec, false)
				}
				time.Sleep(lookupPause)
				for range 101 {
					wantRefused(t, &r, rec, true)
				}
				wantRefused(t, &r, rec, false)
				if c.refreshed != 2 {
					t.Errorf("%d refreshes in two seconds, want 2", c.refreshed)
				}
			})
		})
	}
}

// An outage refuses nobody, and a number below zero needs no broker's word.
func TestRouterRefusesWithoutABroker(t *testing.T) {
	c := &topicClient{partitions: map[string]int32{"t": 1}, err: io.EOF}
	r := newRouter[int](c)
	wantRefused(t, &r, &Record{Topic: "t", Partition: 1}, false)
	wantRefused(t, &r, &Record{Topic: "t", Partition: -1}, true)
	if c.refreshed != 1 {
		t.Errorf("%d refreshes, want 1", c.refreshed)
	}
}

func wantRefused(t *testing.T, r *router[int], rec *Record, want bool) {
	t.Helper()
	_, err := r.partition(rec, true)
	if _, refused := errors.AsType[*RefusedError](err); err == nil || refused != want {
		t.Fatalf("refused %v, want %v: %v", refused, want, err)
	}
}

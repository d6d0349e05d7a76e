package kafkaio_test

import (
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/waterspout/waterspout/internal/kafkaio"
	"github.com/waterspout/waterspout/kafka/kafkatest"
)

// links is how many goroutines send to brokers.
func links(t *testing.T) int {
	t.Helper()
	var all strings.Builder
	if err := pprof.Lookup("goroutine").WriteTo(&all, 2); err != nil {
		t.Fatal(err)
	}
	return strings.Count(all.String(), ".(*link[...]).run(")
}

// A broker that comes back under another address has a new link; the old one ends.
func TestLinkOfAFormerAddressEnds(t *testing.T) {
	broker := kafkatest.Start(t, "out")
	c := broker.Cluster()
	lead := func() {
		if err := c.MoveTopicPartition("out", 0, 0); err != nil {
			t.Fatal(err)
		}
	}
	lead()
	w, results := newWriter(t, kafkaio.WriterOptions{Brokers: broker.Addrs()[1:]})
	for i := range 4 {
		write(t, w, i, i+1)
		if err := w.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if o := <-results; o.err != nil {
			t.Fatal(o.err)
		}
		if err := c.RemoveNode(0); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.AddNode(0, 0); err != nil {
			t.Fatal(err)
		}
		lead()
	}
	for late := time.After(5 * time.Second); links(t) > 1; {
		select {
		case <-late:
			t.Fatalf("%d links to one broker", links(t))
		case <-time.After(time.Millisecond):
		}
	}
	if err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

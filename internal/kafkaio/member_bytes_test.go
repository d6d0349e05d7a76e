//go:build !kafka

package kafkaio_test

import (
	"net"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/kafka/kafkatest"
)

// counted is a listener that counts the bytes that are written to its connections.
type counted struct {
	net.Listener
	bytes *atomic.Int64
}

func (l counted) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return countedConn{c, l.bytes}, err
}

type countedConn struct {
	net.Conn
	bytes *atomic.Int64
}

func (c countedConn) Write(b []byte) (int, error) {
	c.bytes.Add(int64(len(b)))
	return c.Conn.Write(b)
}

// Membership is sarama's consumer group, whose claims fetch, too, until they are
// paused: what they fetch before that, and nobody reads, is a fetch for each claim at
// most.
func TestClaimsFetchNothingOfTheirOwn(t *testing.T) {
	const partitions, records, fetch = 4, 40_000, 64 << 10
	var bytes atomic.Int64
	cluster, err := kfake.NewCluster(kfake.SeedTopics(partitions, "in"), kfake.ListenFn(func(network, address string) (net.Listener, error) {
		l, err := net.Listen(network, address)
		return counted{l, &bytes}, err
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	broker, err := kafkatest.Connect(t.Context(), cluster.ListenAddrs()...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	if err := broker.Produce(t.Context(), "in", slices.Repeat([]kafka.Record{kafka.Of(make([]byte, 200))}, records)...); err != nil {
		t.Fatal(err)
	}
	var size int64
	for p := range int32(partitions) {
		size += cluster.PartitionInfo("in", p).NumBytes
	}
	bytes.Store(0)
	m, claims := joined(t, broker, "", func(c *sarama.Config) { c.Consumer.Fetch.Default = fetch })
	for n := 0; n < partitions; n++ {
		c := <-claims
		for at := int64(0); at < records/partitions; {
			b, ok := c.Next(t.Context())
			if !ok {
				t.Fatal("the claim is lost")
			}
			at = b.Next
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	over := bytes.Load() - size
	t.Logf("%d bytes of records, %d more were sent", size, over)
	if over < 0 || over > partitions*fetch {
		t.Errorf("%d bytes were fetched for %d bytes of records", bytes.Load(), size)
	}
}

package kafka_test

import (
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/kafka/kafkatest"
)

// impatient gives a batch up after a fraction of a second, if it may.
func impatient() *sarama.Config {
	conf := sarama.NewConfig()
	conf.Net.ReadTimeout = 200 * time.Millisecond
	conf.Metadata.Retry.Max = 0
	conf.Producer.Retry.Max = 2
	conf.Producer.Retry.Backoff = 10 * time.Millisecond
	return conf
}

// A mute is a broker's listener that closes the connection on which the broker is
// about to answer next, once deaf is set.
type mute struct {
	net.Listener
	deaf *atomic.Bool
}

func (m mute) Accept() (net.Conn, error) {
	c, err := m.Listener.Accept()
	return muteConn{c, m.deaf}, err
}

type muteConn struct {
	net.Conn
	deaf *atomic.Bool
}

func (c muteConn) Write(b []byte) (int, error) {
	if c.deaf.CompareAndSwap(true, false) {
		_ = c.Close()
		return 0, net.ErrClosed
	}
	return c.Conn.Write(b)
}

// Rule W2: a batch that may have been written when the broker goes away is not given
// up, however long that takes: its replay would be a double. What was never sent is
// given up meanwhile.
func TestSinkKeepsWhatMayBeWritten(t *testing.T) {
	for name, answer := range map[string]*kerr.Error{
		"unanswered":       nil,
		"timed out":        kerr.RequestTimedOut,
		"too few replicas": kerr.NotEnoughReplicasAfterAppend,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var deaf atomic.Bool
			cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "out"), kfake.ListenFn(func(network, address string) (net.Listener, error) {
				l, err := net.Listen(network, address)
				return mute{l, &deaf}, err
			}))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(cluster.Close)
			sink := open(t, kafka.Bolt{Brokers: cluster.ListenAddrs(), Topic: "out", Sarama: impatient()})
			records := numbered(20)
			down := outage(cluster)
			var fault *kfake.FaultHandle
			if answer == nil {
				fault = cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Observe: true, Count: 1, When: func(kmsg.Request) bool {
					deaf.Store(true)
					down.Store(true)
					return true
				}})
			} else {
				fault = cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: answer, Count: -1})
			}
			sink.write(t, records[:10]...)
			eventually(t, "it is written", func() bool { return cluster.PartitionInfo("out", 0).HighWatermark == 10 })
			down.Store(true)
			sink.write(t, records[10:]...)
			eventually(t, "many more tries than it has", func() bool { return down.tries.Load() > 40 })
			if failed := sink.wait(t, 10); len(failed) != 10 || failed[1] != nil || failed[11] == nil {
				t.Errorf("want the last ten of 20 failed, got %v", failed)
			}
			fault.Remove()
			down.Store(false)
			if failed := sink.wait(t, 10); len(failed) != 10 {
				t.Errorf("want ten failed, got %v", failed)
			}
			broker, err := kafkatest.Connect(t.Context(), cluster.ListenAddrs()...)
			if err != nil {
				t.Fatal(err)
			}
			defer broker.Close()
			if diff := cmp.Diff(values(records[:10]), values(read(t, broker, "out"))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

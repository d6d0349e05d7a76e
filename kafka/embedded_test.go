//go:build !kafka

package kafka_test

import (
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/waterspout/waterspout/kafka/kafkatest"
)

type tests struct{ *testing.M }

// patience bounds what a test waits for; nothing waits that long when it works.
const patience = 20 * time.Second

// fresh is a Kafka with these topics and nothing else: embedded, or with the build
// tag kafka the real one.
func fresh(t testing.TB, topics ...string) *kafkatest.Broker {
	t.Helper()
	return kafkatest.Start(t, topics...)
}

// restart stands in for kill -9 and a new start. The embedded broker lives in this
// process, so it cannot be killed: it hangs up on everyone, many times, and has
// forgotten nothing afterwards.
func restart(t testing.TB, b *kafkatest.Broker) {
	t.Helper()
	down := outage(b.Cluster())
	down.Store(true)
	eventually(t, "many requests have failed", func() bool { return down.tries.Load() > 20 })
	down.Store(false)
}

// freeze stands in for SIGSTOP: the embedded broker, which handles one request at a
// time, stands still at the next until thaw, with all connections open.
func freeze(t testing.TB, b *kafkatest.Broker) (thaw func()) {
	t.Helper()
	frozen, warm := make(chan struct{}), make(chan struct{})
	b.Cluster().Control(func(kmsg.Request) (kmsg.Response, error, bool) {
		b.Cluster().DropControl()
		close(frozen)
		<-warm
		return nil, nil, false
	})
	<-frozen
	thaw = sync.OnceFunc(func() { close(warm) })
	t.Cleanup(thaw) // else it cannot be closed
	return thaw
}

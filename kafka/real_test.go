//go:build kafka

package kafka_test

import (
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/waterspout/waterspout/internal/realkafka"
	"github.com/waterspout/waterspout/kafka/kafkatest"
)

// patience bounds what a test waits for. A broker that starts again on a busy
// machine takes its time.
const patience = time.Minute

// tests close the broker that they share.
type tests struct{ *testing.M }

func (m tests) Run() int {
	code := m.M.Run()
	if err := realkafka.CloseShared(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// apache is the broker of the tests, once one has asked for it.
var apache *realkafka.Broker

// fresh is Apache Kafka with these topics and nothing else.
func fresh(t testing.TB, topics ...string) *kafkatest.Broker {
	t.Helper()
	var err error
	if apache, err = realkafka.Shared(t.Context(), topics...); err != nil {
		t.Fatal(err)
	}
	b, err := kafkatest.Connect(t.Context(), apache.Addrs()...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// restart is kill -9 and a new start.
func restart(t testing.TB, _ *kafkatest.Broker) {
	t.Helper()
	apache.Kill()
	if err := apache.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// freeze is SIGSTOP until thaw.
func freeze(t testing.TB, _ *kafkatest.Broker) (thaw func()) {
	t.Helper()
	if err := apache.Freeze(); err != nil {
		t.Fatal(err)
	}
	thaw = sync.OnceFunc(func() {
		if err := apache.Thaw(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(thaw)
	return thaw
}

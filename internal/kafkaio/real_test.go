//go:build kafka

package kafkaio_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/waterspout/waterspout/internal/realkafka"
	"github.com/waterspout/waterspout/kafka/kafkatest"
)

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

// fresh is Apache Kafka with these topics and nothing else.
func fresh(t *testing.T, topics ...string) *kafkatest.Broker {
	t.Helper()
	k, err := realkafka.Shared(t.Context(), topics...)
	if err != nil {
		t.Fatal(err)
	}
	b, err := kafkatest.Connect(t.Context(), k.Addrs()...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

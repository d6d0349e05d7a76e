//go:build !kafka

package kafkaio_test

import (
	"testing"

	"github.com/waterspout/waterspout/kafka/kafkatest"
)

type tests struct{ *testing.M }

// fresh is a Kafka with these topics and nothing else: embedded, or with the build
// tag kafka the real one.
func fresh(t *testing.T, topics ...string) *kafkatest.Broker {
	t.Helper()
	return kafkatest.Start(t, topics...)
}

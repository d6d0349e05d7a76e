package kafka_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(childBrokers) != "" {
		os.Exit(childMain())
	}
	// sarama's metrics start one ticker per process and never stop it.
	goleak.VerifyTestMain(tests{m}, goleak.IgnoreAnyFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}

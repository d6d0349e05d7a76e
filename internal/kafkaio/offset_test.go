package kafkaio

import (
	"testing"
	"time"

	"github.com/IBM/sarama"
)

// Kafka's times are whole milliseconds, and those below zero have other meanings: -1 is
// the end.
func TestStartTimestamp(t *testing.T) {
	for _, c := range []struct {
		start Start
		want  int64
	}{
		{Earliest, sarama.OffsetOldest},
		{Latest, sarama.OffsetNewest},
		{At(time.UnixMilli(1000)), 1000},
		{At(time.UnixMilli(1000).Add(1)), 1001},
		{At(time.UnixMilli(1001).Add(-1)), 1001},
		{At(time.UnixMilli(0)), 0},
		{At(time.UnixMilli(0).Add(-1)), 0},
		{At(time.UnixMilli(-1)), sarama.OffsetOldest},
		{At(time.Date(1960, 1, 1, 0, 0, 0, 0, time.UTC)), sarama.OffsetOldest},
	} {
		if got := c.start.timestamp(); got != c.want {
			t.Errorf("%s is asked for as %d, want %d", c.start, got, c.want)
		}
	}
}

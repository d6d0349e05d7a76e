package kafkaio

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"
)

// What every member is told while its group changes is said only if it lasts.
func TestHealthIsPatientWithChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		h := health{log: slog.New(slog.NewTextHandler(&log, nil))}
		lines := func(want int) {
			t.Helper()
			if n := strings.Count(log.String(), "\n"); n != want {
				t.Errorf("%d lines, want %d:\n%s", n, want, &log)
			}
		}
		h.bad(reading, "in/0", sarama.ErrIllegalGeneration)
		h.good(reading, "in/0")
		lines(0)
		h.bad(reading, "in/0", sarama.ErrRebalanceInProgress)
		time.Sleep(settling - 1)
		h.bad(reading, "in/0", sarama.ErrRebalanceInProgress)
		lines(0)
		if doing, err := h.trouble(); doing != reading || err == nil {
			t.Errorf("trouble is %q, %v", doing, err)
		}
		time.Sleep(1 * time.Nanosecond)
		h.bad(reading, "in/0", sarama.ErrRebalanceInProgress)
		h.bad(reading, "in/0", sarama.ErrRebalanceInProgress)
		lines(1)
		h.good(reading, "in/0")
		lines(2)
		h.bad(reading, "in/0", errors.New("the broker is gone"))
		lines(3)
	})
}

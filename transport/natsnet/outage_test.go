package natsnet

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A journal is a log that a test reads.
type journal struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.out.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.out.String()
}

func (j *journal) lines() int { return strings.Count(j.String(), "\n") }

func (j *journal) log() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

// TestOutage: one line when it begins, one a minute, one when all connections are
// back; then it begins anew.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		o := outage{log: j.log(), back: "here"}
		o.over() // nothing was wrong
		for range 2 {
			before := j.lines()
			o.lost(errors.New("gone"))
			o.lost(errors.New("gone"))
			for range 100 {
				o.failed("not reached", errors.New("no"))
				time.Sleep(time.Second)
			}
			if got := j.lines() - before; got != 2 {
				t.Errorf("%d lines in 100 s:\n%s", got, &j)
			}
			o.over()
			o.regained()
			if got := j.lines() - before; got != 2 {
				t.Errorf("half of it is back, and %d lines:\n%s", got, &j)
			}
			o.regained()
			if got := j.String(); j.lines()-before != 3 || !strings.Contains(got, "attempts=100 after=1m40s") {
				t.Errorf("in the end:\n%s", got)
			}
		}
	})
}

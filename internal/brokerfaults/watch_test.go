package brokerfaults

import (
	"context"
	"time"

	"github.com/waterspout/waterspout/kafka/kafkatest"
)

// A watch looks at the group's commits, at the output and at the job while a fault goes
// on, on a goroutine of its own.
type watch struct {
	l       *lab
	quit    context.CancelFunc
	done    chan struct{} // what follows is read after that
	gap     time.Duration // the longest between two commits
	back    time.Duration // from the end of the fault to the next record in the output
	pending int           // the most trees that were open
}

func newWatch(l *lab) *watch {
	ctx, quit := context.WithCancel(l.t.Context())
	w := &watch{l: l, quit: quit, done: make(chan struct{})}
	go w.look(ctx)
	return w
}

func (w *watch) look(ctx context.Context) {
	defer close(w.done)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	last, since, written := kafkatest.Offsets{}, time.Now(), int64(0)
	for {
		now, before := w.l.offsets(), last.Sum()
		for p, at := range now {
			if at < last[p] {
				w.l.t.Errorf("partition %d: committed %d after %d", p, at, last[p])
			}
			last[p] = at
		}
		w.gap = max(w.gap, time.Since(since))
		if last.Sum() != before {
			since = time.Now()
		}
		written = w.output(written)
		open := 0
		for _, c := range w.l.running.Stats().Components {
			open += c.Pending
		}
		w.pending = max(w.pending, open)
		select {
		case <-again.C:
		case <-ctx.Done():
			return
		}
	}
}

// output notes when the output grew for the first time after the fault.
func (w *watch) output(written int64) int64 {
	over := w.l.back.Load()
	if over == 0 || w.back > 0 {
		return written
	}
	ends, err := w.l.broker.EndOffsets(w.l.t.Context(), "out")
	if err != nil {
		return written
	}
	if written > 0 && ends.Sum() > written {
		w.back = time.Since(time.Unix(0, over))
	}
	return ends.Sum()
}

func (w *watch) stop() {
	w.quit()
	<-w.done
}

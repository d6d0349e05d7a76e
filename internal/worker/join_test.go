package worker_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/internal/worker"
	"github.com/waterspout/waterspout/transport/inproc"
	"github.com/waterspout/waterspout/tuple"
)

// TestEndsWhileItJoins: a worker that is told to end while it joins costs the others
// nothing, whenever that is: it was not there, or it leaves as others do.
func TestEndsWhileItJoins(t *testing.T) {
	for n := range 30 {
		after := time.Duration(n) * 4 * time.Millisecond
		synctest.Test(t, func(t *testing.T) {
			net := inproc.New()
			a, err := worker.Start(t.Context(), config(net, "a"))
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			ctx, cancel := context.WithTimeout(t.Context(), after)
			defer cancel()
			begun := time.Now()
			b, err := worker.Start(ctx, config(net, "b"))
			if err == nil {
				err = b.Wait()
			}
			if err != nil && !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) > 3*time.Second {
				t.Errorf("told to end after %v, it ended after %v: %v", after, time.Since(begun), err)
			}
			time.Sleep(10 * time.Second)
			var acked uint64
			var failed [tuple.Kinds]uint64
			for _, task := range a.Site().Tasks() {
				acked += task.Acked
				for kind, n := range task.FailedBy {
					failed[kind] += n
				}
			}
			if n := len(a.Site().Tenants()); acked == 0 || failed != [tuple.Kinds]uint64{} || n != 4 {
				t.Errorf("of the other: %d acked, %v failed, %d tasks", acked, failed, n)
			}
			drain(t, a)
		})
	}
}

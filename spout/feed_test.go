package spout_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/tuple"
)

func TestFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		feed := spout.NewFeed[string]()
		early := make(chan error)
		go func() { early <- feed.Send(ctx, "before any task") }()
		synctest.Wait()
		var tasks sync.WaitGroup
		for range 2 {
			tasks.Go(func() {
				if _, err := play(ctx, feed.New(), func(v string, _ int) (*spout.Failure, bool) {
					if v == "bad" {
						return &failed, false
					}
					return nil, v == "slow"
				}); err != nil {
					t.Error(err)
				}
			})
		}
		if err := <-early; err != nil {
			t.Error(err)
		}
		if err := feed.Send(ctx, "good"); err != nil {
			t.Error(err)
		}
		if err := feed.Send(ctx, "bad"); err != failed {
			t.Errorf("a failed tree: %v", err)
		}
		short, end := context.WithTimeout(ctx, time.Second)
		defer end()
		if err := feed.Send(short, "slow"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a slow tree: %v", err)
		}
		cancel()
		tasks.Wait()
		isShutdown(t, "after the end", feed.Send(t.Context(), "x"))

		// The Feed serves another topology, until it is closed.
		tasks.Go(func() { play(t.Context(), feed.New(), acked[string]) })
		synctest.Wait()
		if err := feed.Send(t.Context(), "again"); err != nil {
			t.Error(err)
		}
		feed.Close()
		feed.Close()
		tasks.Wait() // exhausted
		isShutdown(t, "after Close", feed.Send(t.Context(), "x"))
	})
}

// Sends that wait while the topology ends, or the Feed is closed, do not hang.
func TestFeedReleasesSenders(t *testing.T) {
	for name, end := range map[string]func(*spout.Feed[string], *spout.Feeder[string]){
		"is closed":                     func(f *spout.Feed[string], _ *spout.Feeder[string]) { f.Close() },
		"no task of the feed runs here": func(_ *spout.Feed[string], task *spout.Feeder[string]) { task.Close() },
		"the task has ended": func(f *spout.Feed[string], task *spout.Feeder[string]) {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			task.Run(context.Background(), spout.NewEmitter(&sink[string]{ctx: ctx}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				feed := spout.NewFeed[string]()
				task := feed.New()
				task.Open(t.Context(), spout.Task{})
				sent := make(chan error)
				go func() { sent <- feed.Send(t.Context(), "x") }()
				synctest.Wait()
				end(feed, task)
				err := <-sent
				if isShutdown(t, name, err); !strings.Contains(err.Error(), name) {
					t.Errorf("%v, want that %s", err, name)
				}
			})
		})
	}
}

func isShutdown(t *testing.T, when string, err error) {
	t.Helper()
	if f, ok := errors.AsType[spout.Failure](err); !ok || f.Kind != tuple.Shutdown {
		t.Errorf("%s: %v, want a Failure of Kind Shutdown", when, err)
	}
}

// Package cluster runs topologies: [Local] in this process, [Worker] in many that
// share the tasks out among them.
//
// [Run] blocks until the topology has ended: because its spouts are exhausted,
// because its context ended, which drains it, or because it failed. The
// invariant: when Run returns, nothing it started is running, but for user code
// that did not return within the grace, which its error names.
//
//	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
//	defer stop()
//	if err := cluster.Run(ctx, topo, cluster.Local{}); err != nil {
//		log.Fatal(err)
//	}
//
// All functions and methods may be called from any goroutine.
package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/waterspout/waterspout/internal/engine"
	"github.com/waterspout/waterspout/topology"
	"github.com/waterspout/waterspout/tuple"
)

// DefaultGrace is the grace of a Mode that names none.
const DefaultGrace = 8 * time.Second

// A Mode is where a topology runs: [Local] or [Worker].
type Mode interface {
	start(ctx context.Context, t *topology.Topology) (*Running, error)
}

// Local runs all tasks in this process. Its zero value is ready for use.
type Local struct {
	Log *slog.Logger // slog.Default() if nil

	// Grace bounds a drain with the closing of tasks; 8 s if zero, and never
	// negative. User code that has not returned then gets another second and a
	// half, and is left behind.
	Grace time.Duration

	// Wire takes every value through its codec, as between workers. It is
	// for tests, and Start fails for a topology that is not Portable.
	Wire bool
}

func (l Local) start(ctx context.Context, t *topology.Topology) (*Running, error) {
	grace, err := grace(l.Grace)
	if err != nil {
		return nil, err
	}
	if l.Wire {
		if err := t.Portable(); err != nil {
			return nil, err
		}
	}
	run, err := engine.Start(ctx, t.Nodes(), engine.Options{
		Topology: t.Name(), Log: logger(l.Log), Grace: grace, Wire: l.Wire,
	})
	if err != nil {
		return nil, err
	}
	fingerprint := sync.OnceValue(func() string { // it calls constructors
		f, _ := fingerprint(t, logger(l.Log)) // none if one panics, which did not when the tasks were made
		return f
	})
	snapshot := func() report {
		return newReport("local", t.Name(), fingerprint(), run.Uptime(), run.Tasks(), run.Counters())
	}
	return &Running{run, snapshot}, nil
}

func logger(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.Default()
	}
	return l
}

// fingerprint is t's, or the error of a constructor that panics, whose stack is logged:
// errors are one line.
func fingerprint(t *topology.Topology, log *slog.Logger) (f string, err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case *topology.DeclError:
			if why, ok := errors.AsType[tuple.Failure](p); ok {
				what, stack, _ := strings.Cut(why.Text, "\n")
				log.Error("user code panicked", "topology", t.Name(), "panic", what, "stack", stack)
			}
			err = fmt.Errorf("cluster: %w", p)
		default:
			panic(p)
		}
	}()
	return t.Fingerprint(), nil
}

func grace(d time.Duration) (time.Duration, error) {
	if d < 0 {
		return 0, fmt.Errorf("cluster: the grace is %v; it must be positive, or 0 for %v", d, DefaultGrace)
	}
	return cmp.Or(d, DefaultGrace), nil
}

// Run starts t and waits for its end. When ctx ends the topology drains: spouts
// stop, open trees finish, and Run returns nil if that took no longer than the
// grace. Else the error says what was left; it is an *AbandonedError when trees
// of tuples were still open, a *TaskError when a task failed the topology.
//
// If ctx ends before the topology has begun, Run returns nil when it was canceled,
// as by a signal, and the error of Start when its deadline has passed: what kept a
// worker from the net, for example.
func Run(ctx context.Context, t *topology.Topology, m Mode) error {
	r, err := Start(ctx, t, m)
	if err != nil {
		over := ctx.Err() != nil && (errors.Is(err, context.Cause(ctx)) || errors.Is(err, ctx.Err()))
		switch {
		case !over:
			return err
		case errors.Is(ctx.Err(), context.Canceled):
			return nil // asked to stop before it began: nothing is left behind
		}
		return fmt.Errorf("cluster: topology %s had not begun when its time was over: %w", t.Name(), err)
	}
	return r.Wait()
}

// Start opens all tasks and lets the tuples flow. It returns the errors of all
// Opens, joined, each a *TaskError. The end of ctx drains the topology. A Worker
// blocks until it has joined its cluster; then its tasks come and go, and an Open
// that fails ends the topology on all workers.
func Start(ctx context.Context, t *topology.Topology, m Mode) (*Running, error) {
	if t == nil || len(t.Nodes()) == 0 {
		return nil, errors.New("cluster: the topology is nil or empty; make one with topology.New and Build")
	}
	if m == nil {
		return nil, errors.New("cluster: the Mode is nil; give Local{} or a Worker")
	}
	return m.start(ctx, t)
}

// A Running is a topology that was started.
type Running struct {
	run      runner
	snapshot func() report
}

// A runner is an engine.Run or a worker.Worker.
type runner interface {
	Drain()
	Abort(cause error)
	Wait() error
	Done() <-chan struct{}
}

// Drain stops the spouts, waits for the end as Wait does, and returns its
// error. If ctx ends first the topology is aborted with its cause.
func (r *Running) Drain(ctx context.Context) error {
	r.run.Drain()
	select {
	case <-r.run.Done():
	case <-ctx.Done():
		r.Abort(context.Cause(ctx))
	}
	return r.Wait()
}

// Abort ends the topology at once: open trees fail with kind Shutdown, and Wait
// returns cause. It does not block.
func (r *Running) Abort(cause error) { r.run.Abort(cause) }

// Wait blocks until the topology has ended and returns what Run would.
func (r *Running) Wait() error { return r.run.Wait() }

// Done is closed once Wait would not block.
func (r *Running) Done() <-chan struct{} { return r.run.Done() }

package worker

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/waterspout/waterspout/internal/engine"
	"github.com/waterspout/waterspout/internal/member"
	"github.com/waterspout/waterspout/transport"
)

// A Config is what a worker needs.
type Config struct {
	Topology    string
	Fingerprint string
	Nodes       []*engine.Node
	Net         transport.Net
	Name        string // for people, and the beginning of the ids under which it joins
	Log         *slog.Logger
	Grace       time.Duration

	// Report encodes what a site counted so far. It is stored for all to read
	// when it changes, at most once a second.
	Report func(id string, s *engine.Site, counters map[string]int64) []byte
}

// Cluster is the name of the cluster of a topology.
func Cluster(topology, fingerprint string) string { return topology + "-" + fingerprint }

// A Worker is a worker that runs. Its methods may be called from any goroutine.
type Worker struct {
	config Config
	born   time.Time

	drain chan struct{} // closed: leave, and end
	once  sync.Once
	abort context.CancelCauseFunc
	ctx   context.Context // ends when the worker is aborted
	done  chan struct{}
	err   error // once done is closed

	mu      sync.Mutex // guards what follows
	session *session   // the last one
}

var errAborted = errors.New("the worker was aborted")

// Start joins the cluster, and returns as soon as the worker is a member; then it
// runs until the topology ends, Drain or Abort. It blocks while the net is not
// reached, until ctx ends. The end of ctx drains the worker.
func Start(ctx context.Context, c Config) (*Worker, error) {
	w := &Worker{config: c, born: time.Now(), drain: make(chan struct{}), done: make(chan struct{})}
	w.ctx, w.abort = context.WithCancelCause(context.WithoutCancel(ctx))
	s, err := w.join(ctx)
	if err != nil {
		w.abort(err)
		return nil, err
	}
	if ctx.Err() != nil {
		w.Drain() // before anything begins
	}
	go func() { // owned by Wait
		defer close(w.done)
		defer context.AfterFunc(ctx, w.Drain)()
		w.err = w.run(s)
		w.abort(context.Canceled)
	}()
	return w, nil
}

// join begins a session, under an id that nobody had before.
func (w *Worker) join(ctx context.Context) (*session, error) {
	for {
		var unique [4]byte
		_, _ = rand.Read(unique[:]) // it never fails
		s, err := open(ctx, w, w.config.Name+"-"+hex.EncodeToString(unique[:]))
		if errors.Is(err, member.ErrLost) {
			continue // taken for dead before it began
		}
		if err != nil {
			return nil, fmt.Errorf("cluster %s: %w", Cluster(w.config.Topology, w.config.Fingerprint), err)
		}
		w.mu.Lock()
		w.session = s
		w.mu.Unlock()
		return s, nil
	}
}

// run goes from session to session.
func (w *Worker) run(s *session) error {
	for {
		err := s.run()
		if !errors.Is(err, errLost) {
			return err
		}
		w.config.Log.Warn("lost the lease: stopped all tasks, joining afresh", "id", s.id)
		joining, stop := context.WithCancelCause(w.ctx)
		go func() { // ends with joining
			select {
			case <-w.drain:
				stop(errAborted)
			case <-joining.Done():
			}
		}()
		s, err = w.rejoin(joining)
		stop(errAborted)
		if err != nil {
			select {
			case <-w.drain:
				return nil // nothing runs any more
			default:
			}
			return context.Cause(w.ctx)
		}
	}
}

// How long a worker waits before it tries again to join afresh, longer each time, and
// how often it says why.
const (
	leastPause = 100 * time.Millisecond
	mostPause  = 5 * time.Second
	sayEvery   = time.Minute
)

// rejoin joins afresh, however long that takes: its error is the end of ctx. Whoever
// was a member once was not wrong about the net. What refuses it now passes, as when
// servers come back one by one.
func (w *Worker) rejoin(ctx context.Context) (*session, error) {
	var said time.Time
	for pause := leastPause; ; pause = min(2*pause, mostPause) {
		s, err := w.join(ctx)
		if err == nil || ctx.Err() != nil {
			return s, err
		}
		if said.IsZero() || time.Since(said) >= sayEvery {
			said = time.Now()
			w.config.Log.Error("cannot join afresh; trying again", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// Drain makes the worker leave: its spouts stop, open trees finish, its tasks are
// handed over. It does not block and may be called more than once.
func (w *Worker) Drain() { w.once.Do(func() { close(w.drain) }) }

// Abort ends the worker at once; Wait returns cause. The first cause counts.
func (w *Worker) Abort(cause error) { w.abort(cause) }

// Wait blocks until the worker has ended, and returns nil after a clean end.
func (w *Worker) Wait() error {
	<-w.done
	return w.err
}

// Done is closed when Wait would return.
func (w *Worker) Done() <-chan struct{} { return w.done }

// ID is the id of the worker in its present, or last, session.
func (w *Worker) ID() string { return w.now().id }

// Site is the engine's part of that session.
func (w *Worker) Site() *engine.Site { return w.now().site }

// Counters are the named counters of that session.
func (w *Worker) Counters() map[string]int64 { return w.now().counters() }

// Uptime is how long the worker has been going.
func (w *Worker) Uptime() time.Duration { return time.Since(w.born) }

func (w *Worker) now() *session {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.session
}

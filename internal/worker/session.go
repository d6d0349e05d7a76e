package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/waterspout/waterspout/internal/assign"
	"github.com/waterspout/waterspout/internal/engine"
	"github.com/waterspout/waterspout/internal/member"
	"github.com/waterspout/waterspout/internal/mesh"
	"github.com/waterspout/waterspout/transport"
	"github.com/waterspout/waterspout/tuple"
)

const (
	// glance is how often a session looks at what nobody tells it of, while
	// something ends.
	glance = 10 * time.Millisecond
	// linger is how long a worker that has ended waits for its last frames to
	// be received, and word is how long it tries to tell a store that is away.
	linger = 2 * time.Second
	word   = 50 * time.Millisecond
)

// errLost is the end of a session whose worker was judged lost.
var errLost = errors.New("the lease was lost")

// A session is the time from one join to the end of that membership. Its goroutine
// is the only one that touches it, but for what is set before it runs.
type session struct {
	worker *Worker
	log    *slog.Logger
	id     string
	conn   transport.Conn
	member *member.Member
	links  *mesh.Mesh
	site   *engine.Site
	shape  assign.Shape
	report reporter
	others *member.Registry // other versions of the topology

	doc      assign.Document // the one that was applied
	lost     uint64          // of the newest document: when a member was last lost
	forsaken uint64          // the one up to which all trees have failed for good (L8)
	lostAt   time.Time       // when this session heard of it
	tasks    map[mesh.Address]*tenure
	begun    map[mesh.Address]bool // an instance begins once
	done     []assign.Instance     // spout tasks here that were exhausted
	applied  uint64                // the newest version of which nothing is left to be done
	leaving  bool
	deadline time.Time // of leaving
	phase    int       // components that are over, from the first on
	ending   uint64    // the version with which End came, 0 before
	doubt    doubt
	hastened time.Time
}

// A tenure is what the session wants of a task here.
type tenure struct {
	stopped bool      // a spout that was told to stop
	hung    bool      // a bolt whose inboxes were closed
	cut     bool      // ended by force
	until   time.Time // when it will be, if it is on its way out
}

// open joins the cluster and makes all parts of a session.
func open(ctx context.Context, w *Worker, id string) (_ *session, err error) {
	c := w.config
	cluster := Cluster(c.Topology, c.Fingerprint)
	s := &session{worker: w, id: id, log: c.Log.With("worker", id), tasks: map[mesh.Address]*tenure{}, begun: map[mesh.Address]bool{}, shape: shape(c.Nodes)}
	if s.conn, err = c.Net.Open(ctx, cluster, id); err != nil {
		return nil, err
	}
	store, err := s.conn.Store(ctx, cluster)
	var versions transport.Store
	if err == nil {
		versions, err = s.conn.Store(ctx, c.Topology+"-versions")
	}
	if err == nil {
		err = s.report.open(ctx, s)
	}
	if err == nil {
		s.member, err = member.Join(ctx, member.Config{Store: store, Name: c.Name, ID: id, Shape: s.shape, Log: c.Log})
	}
	if err != nil {
		return nil, errors.Join(err, s.conn.Close())
	}
	s.others = member.Announce(versions, c.Topology, id, version(c))
	first := s.member.Document()
	s.doc = assign.Document{Nonce: first.Nonce, Tasks: make([]assign.Slot, len(s.shape))}
	s.lost, s.forsaken = first.Lost, first.Lost
	s.site = engine.NewSite(w.ctx, c.Nodes, engine.Options{
		Topology: c.Topology, Log: c.Log, Grace: c.Grace, Abroad: true, Cluster: cluster,
	})
	s.links = mesh.Open(mesh.Config{Conn: s.conn, Nonce: first.Nonce, Self: id, Log: s.log, To: s.site})
	s.site.Join(s.links)
	return s, nil
}

func version(c Config) member.Version {
	v := member.Version{Fingerprint: c.Fingerprint, Parallelism: map[string]int{}}
	for _, n := range c.Nodes {
		v.Parallelism[n.Name] = n.Parallelism
	}
	return v
}

// shape is what the assignment needs to know of the tasks, by their numbers.
func shape(nodes []*engine.Node) (all assign.Shape) {
	for c, n := range nodes {
		for i := range n.Parallelism {
			all = append(all, assign.Kind{Spout: n.Spout, Component: c, Index: i})
		}
	}
	return all
}

// run is the session's goroutine.
func (s *session) run() error {
	s.log.Info("joined the cluster", "topology", s.worker.config.Topology, "version", s.worker.config.Fingerprint, "workers", len(s.member.Document().Workers))
	stop := s.site.Watch()
	s.report.start()
	err := s.loop()
	stop()
	if err == nil && !s.settle() {
		s.log.Warn("other workers did not confirm the last frames")
	}
	if left := s.site.Close(err, errors.Is(err, errLost), s.rest()); left != nil {
		s.log.Error("tasks did not end", "error", left)
		if err != nil {
			left = fmt.Errorf("%w; %w", err, left)
		}
		err = left
	}
	return s.close(err)
}

// settle waits until all others have received what this worker sent last, as far as
// they are still there.
func (s *session) settle() bool {
	for deadline := time.Now().Add(s.farewell()); time.Now().Before(deadline); {
		ctx, cancel := context.WithTimeout(context.Background(), 5*glance)
		err := s.links.Settle(ctx)
		cancel()
		if err == nil {
			return true
		}
		var peers []string
		for _, m := range s.member.Members() {
			if m.ID != s.id && s.peer(m.ID) != nil {
				peers = append(peers, m.ID)
			}
		}
		s.links.SetPeers(peers)
	}
	return false
}

// farewell is how long a session that has ended may take to tell the others. While the
// store is away there is nobody to hear it.
func (s *session) farewell() time.Duration {
	if s.member.Doubtful() {
		return word
	}
	return linger
}

// close takes down what the tasks stood on.
func (s *session) close(err error) error {
	ctx, cancel := context.WithTimeout(context.Background(), s.farewell())
	defer cancel()
	s.report.stop(ctx)
	s.others.Close(ctx)
	if left := s.member.Leave(ctx); left != nil && !errors.Is(err, errLost) {
		s.log.Warn("could not give the lease back; the others will find it lost", "error", left)
	}
	s.links.Close()
	n := s.links.Stats()
	s.log.Info("left the cluster", "frames sent", n.FramesSent, "MB sent", n.BytesSent>>20, "frames received", n.FramesReceived, "lost", n.Lost, "rejected", n.Rejected)
	if closed := s.conn.Close(); closed != nil {
		s.log.Warn("connection did not close cleanly", "error", closed)
	}
	return err
}

// loop decides until the session is over.
func (s *session) loop() error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	drain := s.worker.drain
	select {
	case <-drain: // it was named while it gave up joining, and gets no tasks
		drain = nil
		s.leave()
	default:
	}
	for {
		select {
		case <-s.member.Changed():
		case <-s.site.Changed():
		case <-timer.C:
		case <-s.others.Changed():
			for _, line := range s.others.Lines() {
				s.log.Info(line)
			}
		case <-s.member.Lost():
			if s.handed() {
				return nil
			}
			return errLost
		case <-s.worker.ctx.Done():
			return context.Cause(s.worker.ctx)
		case <-drain:
			drain = nil
			s.leave()
		}
		if err := s.site.Failed(); err != nil {
			if s.member.Doubtful() { // others may have taken over what failed here
				return errLost
			}
			s.fail(err)
			return err
		}
		next, err := s.decide(time.Now())
		if err != nil || next == 0 {
			return err
		}
		timer.Reset(next)
	}
}

// decide does what is to be done now, and says when to look again; 0 is the end.
func (s *session) decide(now time.Time) (next time.Duration, err error) {
	doc := s.member.Document()
	if doc.Version != s.doc.Version {
		s.adopt(doc)
	}
	if doc.Failed != "" {
		return 0, fmt.Errorf("the topology failed on another worker: %s", doc.Failed)
	}
	s.weigh(now)
	busy := s.forsake(now)
	busy = s.tend(now) || busy
	busy = s.finish(now) || busy
	s.announce()
	if s.over() {
		return 0, nil
	}
	if s.stranded(now) {
		s.log.Warn("left without handing over, since the store is away; nothing was under way here")
		return 0, nil
	}
	if s.leaving && now.After(s.deadline) {
		if s.handed() {
			return 0, nil // nobody is there to take over, or to say so
		}
		if open := s.site.Open(); open > 0 {
			return 0, &tuple.AbandonedError{Open: open}
		}
		return 0, fmt.Errorf("leaving took longer than %v: %s", s.worker.config.Grace, s.site.Stuck())
	}
	if busy {
		return glance, nil
	}
	if !s.doubt.since.IsZero() {
		return pingEvery / 2, nil
	}
	return max(time.Until(s.member.DoubtAt()), glance), nil
}

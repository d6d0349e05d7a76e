package member

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/waterspout/waterspout/internal/assign"
	"github.com/waterspout/waterspout/transport"
)

// The keys of a cluster's store; a lease's is followed by its member's id.
const (
	keyLease    = "lease."
	keyLeader   = "leader"
	keyDocument = "assignment"
)

// A Config says what joins what. All of it is needed.
type Config struct {
	Store transport.Store // the cluster's: nothing else is in it
	Name  string          // of the worker, for people
	ID    string          // the member's, which nobody had before
	Shape assign.Shape    // the same in all members of the cluster
	Log   *slog.Logger
}

// A Member is one life of a worker in a cluster. Make one with [Join].
type Member struct {
	config Config
	id     string
	born   time.Time

	cancel  context.CancelFunc
	done    chan struct{} // the goroutine has ended
	named   chan struct{} // closed by the first document that names this member
	changed chan struct{}
	lost    chan struct{}
	reason  error         // why lost; set before that is closed
	kick    chan struct{} // there is a new report
	lease   *lease        // the goroutine's, and who waited for done

	mu      sync.Mutex // guards the rest
	doc     assign.Document
	report  assign.Status
	members []assign.Member // replaced, never changed
	hold    assign.Hold
}

// Join announces a worker under a new id, and returns when a document names it. It
// blocks while the store is away. Where no cluster is alive it founds one, after a
// second in which others may come; where leases of a dead one are left, after they
// were seen dead. Its error is that of ctx or of a connection that was closed. A member
// that was named while ctx ended is one, and has to leave as one.
func Join(ctx context.Context, c Config) (*Member, error) {
	for {
		m := newMember(c)
		if err := transport.CheckKey(keyLease + m.id); err != nil {
			return nil, fmt.Errorf("member: %w", err)
		}
		own, cancel := context.WithCancel(context.WithoutCancel(ctx))
		m.cancel = cancel
		go newLoop(own, m).run()
		var err error
		select {
		case <-m.named:
			return m, nil
		case <-ctx.Done():
			if m.depart() {
				return m, nil
			}
			err = context.Cause(ctx)
		case <-m.lost:
			if err = m.reason; errors.Is(err, ErrLost) && c.ID == "" {
				err = nil // taken for dead before it began: begin again
			}
		}
		m.abandon(ctx)
		if err != nil {
			return nil, fmt.Errorf("join as %s: %w", m.id, err)
		}
	}
}

func newMember(c Config) *Member {
	m := &Member{
		config:  c,
		id:      c.ID,
		born:    time.Now(),
		done:    make(chan struct{}),
		named:   make(chan struct{}),
		changed: make(chan struct{}, 1),
		lost:    make(chan struct{}),
		kick:    make(chan struct{}, 1),
	}
	m.lease = &lease{store: c.Store, key: keyLease + m.id}
	return m
}

// ID is the member's id, which nobody has had before.
func (m *Member) ID() string { return m.id }

// Document is the newest document that names this member. Its slices must not be
// changed.
func (m *Member) Document() assign.Document {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.doc
}

// Changed receives when Document or Doubtful may have changed. Changes that nobody
// took are one.
func (m *Member) Changed() <-chan struct{} { return m.changed }

// Report replaces what the lease says of this worker. It does not block: what differs
// is written as soon as the store takes it. Nonce, Joined and Host are filled in.
// s.Done is kept and must not be changed.
func (m *Member) Report(s assign.Status) {
	m.mu.Lock()
	m.report = s
	m.mu.Unlock()
	signal(m.kick)
}

// Lost is closed when this member is one no more: its lease was deleted, a document
// does not name it, the store was wiped or its connection closed. Others may have its
// tasks. It must stop everything, leave, and may join afresh.
func (m *Member) Lost() <-chan struct{} { return m.lost }

// Doubtful reports that the lease was not renewed for two seconds. Who is not told by
// all other workers that theirs was not either suspends its spouts: in another second
// the others may place them anew.
func (m *Member) Doubtful() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.hold.State(time.Now()) != assign.Held
}

// DoubtAt is when the lease will be doubtful, unless it is renewed before: Changed
// does not tell of it while the store hangs.
func (m *Member) DoubtAt() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.hold.Doubt()
}

// Members is who is alive, and what each says of itself, sorted by id. It must not be
// changed.
func (m *Member) Members() []assign.Member {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.members
}

// Leave ends the membership and deletes the lease, whose tasks others start at once:
// nothing of them may run here any more. After an error the lease runs out. It may be
// called after Lost, and twice.
func (m *Member) Leave(ctx context.Context) error {
	m.Close()
	if err := m.lease.drop(ctx); err != nil {
		return fmt.Errorf("leave as %s: %w", m.id, err)
	}
	return nil
}

// depart ends a join, unless it succeeds meanwhile: a leader that has seen the lease may
// be about to name this member, which would be lost if it vanished then (A4), and the
// trees of all with it (L8). Under Leaving it is named without tasks.
func (m *Member) depart() (named bool) {
	m.Report(assign.Status{Leaving: true})
	select {
	case <-m.named:
		return true
	case <-m.done:
	case <-time.After(patience):
	}
	return false
}

// abandon leaves as well as it can: ctx may be over, and a lease that cannot be
// deleted runs out.
func (m *Member) abandon(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	_ = m.Leave(ctx)
}

// Close ends the membership as a crash would: the others wait for the lease to run
// out. It returns when the goroutine has ended, and may be called twice.
func (m *Member) Close() {
	m.cancel()
	<-m.done
}

// status is what the lease should say.
func (m *Member) status() assign.Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.report
	s.Nonce, s.Joined, s.Host = m.doc.Nonce, m.born.UnixNano(), m.config.Name
	return s
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

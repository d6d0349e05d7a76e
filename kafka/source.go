package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waterspout/waterspout/internal/kafkaio"
	"github.com/waterspout/waterspout/internal/lowwater"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/tuple"
)

// A Source is a task of the Kafka spout, made with [Spout.New]. Its values are
// records, its tuples are tracked.
//
// Open joins the group; the group's partitions come and go beside Run. When Run
// has returned, the Source stays a member until Close, so that trees that end
// meanwhile are committed; Close commits, waits for the broker's answer, and
// leaves the group.
type Source struct {
	spec   Spout
	log    *slog.Logger
	member *kafkaio.Member
	dead   *deadLetters               // nil without Spout.Dead
	ends   map[string]map[int32]int64 // with AtEnd: where the topics ended at Open

	mu     sync.Mutex // guards the making of the next values of ids and owned
	nextID uint16
	ids    atomic.Pointer[map[uint16]*ownership] // replaced, never changed: all whose answers are awaited
	owned  atomic.Pointer[[]*ownership]          // replaced, never changed: the partitions of now

	wake    chan struct{} // Run should look again; room for one
	hasten  chan struct{} // the committer should commit now; room for one
	turn    chan struct{} // a token: who has it may commit
	stop    chan struct{} // ends the committer
	ended   chan struct{} // the committer has ended
	halted  chan struct{} // closed when a record is given up with Halt
	halting sync.Once
	closing sync.Once
	opened  atomic.Bool // Open has set all that Detail reads
	leaving atomic.Bool // Close has begun: the engine waits
	fatal   error       // why halted; set before that is closed

	running atomic.Bool // Run has not returned

	last   *ownership                                    // of the last answer; belongs to the goroutine of Ack and Fail
	acks   int                                           // since the last hasten; as last
	credit int                                           // emits that earn a replay; belongs to Run
	live   stretch                                       // as credit
	each   func(i int, r *Record) (id uint64, more bool) // live.nth

	replayed atomic.Uint64

	dropped, skipped, written *tuple.Counter
}

var (
	_ spout.Spout[Record] = (*Source)(nil)
	_ spout.Tracker       = (*Source)(nil)
	_ spout.Opener        = (*Source)(nil)
	_ spout.Reporter      = (*Source)(nil)
	_ spout.Repeater      = (*Source)(nil)
)

func newSource(spec Spout) *Source {
	s := &Source{
		spec: spec,
		wake: make(chan struct{}, 1), hasten: make(chan struct{}, 1), turn: make(chan struct{}, 1),
		stop: make(chan struct{}), ended: make(chan struct{}), halted: make(chan struct{}),
	}
	s.each = s.live.nth
	s.ids.Store(&map[uint16]*ownership{})
	s.owned.Store(&[]*ownership{})
	return s
}

// Name is [Spout.Name].
func (s *Source) Name() string { return s.spec.Name() }

// Open connects, checks that topics and group may be read, and the dead-letter
// topic be written, and joins the group in the background.
func (s *Source) Open(ctx context.Context, task spout.Task) error {
	if err := s.spec.check(); err != nil {
		return err
	}
	s.log = task.Log
	s.dropped = task.Counter("records dropped")
	s.skipped = task.Counter("records skipped, offset out of range")
	s.written = task.Counter("dead letters written")
	instance := ""
	switch {
	case s.spec.Instance != "":
		instance = fmt.Sprintf("%s-%d", s.spec.Instance, task.Index)
	case task.Cluster != "":
		instance = fmt.Sprintf("%s-%s-%d", task.Cluster, task.Component, task.Index)
	}
	conf, err := kafkaio.ReaderConfig(s.spec.Sarama, instance, s.spec.Uncommitted)
	if err != nil {
		return fmt.Errorf("kafka: %w", err)
	}
	if s.spec.Dead != "" {
		if s.dead, err = openDeadLetters(ctx, s); err != nil {
			return err
		}
	}
	s.member, err = kafkaio.Connect(ctx, kafkaio.MemberConfig{
		Brokers: s.spec.Brokers, Topics: s.spec.Topics, Group: s.spec.Group, Sarama: conf,
		First: s.spec.First.start, OutOfRange: s.spec.OutOfRange.start, Log: s.log,
		Claimed: s.claimed, Revoked: s.revoked,
	})
	if err != nil {
		return errors.Join(err, s.closeDead())
	}
	if s.spec.Stop == AtEnd {
		if s.ends, err = s.member.Ends(ctx); err != nil {
			err = fmt.Errorf("kafka: %w", err)
		}
	}
	s.opened.Store(true)
	go s.commitLoop()
	if err = errors.Join(err, s.member.Join(ctx)); err != nil {
		return errors.Join(err, s.Close())
	}
	return nil
}

// Moved implements spout.Mover: the successor takes this task's place in the group.
func (s *Source) Moved() {
	if s.member != nil {
		s.member.Moved()
	}
}

// Close lets the partitions go, each after a last commit, leaves the group, and
// waits for what belongs to the Source.
func (s *Source) Close() error {
	var err error
	s.closing.Do(func() {
		if s.member == nil {
			return
		}
		s.leaving.Store(true)
		close(s.stop)
		err = s.member.Close() // which ends a commit under way, if nobody answers it
		<-s.ended
		err = errors.Join(err, s.closeDead())
	})
	return err
}

func (s *Source) closeDead() error {
	if s.dead == nil {
		return nil
	}
	return s.dead.close()
}

// claimed makes a new ownership. It runs on a goroutine of the claim.
func (s *Source) claimed(c *kafkaio.Claim) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := maps.Clone(*s.ids.Load())
	maps.DeleteFunc(ids, func(_ uint16, o *ownership) bool { return finished(o.quiet) })
	for used := true; used; _, used = ids[s.nextID] {
		s.nextID++
	}
	o := newOwnership(s.nextID, c)
	ids[o.id] = o
	s.ids.Store(&ids)
	owned := append(slices.Clone(*s.owned.Load()), o)
	s.owned.Store(&owned)
	s.log.Debug("kafka: partition assigned", "partition", c.String(), "start", c.Start)
	s.rouse()
}

// revoked lets an ownership end: nothing more is emitted, open trees may end for
// a time, what is finished is committed (rules P3 and D3). It runs on a
// goroutine of the claim.
func (s *Source) revoked(c *kafkaio.Claim) {
	deadline := time.NewTimer(s.patience())
	defer deadline.Stop()
	s.lastChance(c)
	o := s.disown(c)
	o.stop()
	select {
	case <-o.quiet:
	case <-deadline.C:
		s.log.Warn("kafka: partition taken away with open trees; they will be read again", "partition", c.String())
	}
	s.commitLast(o)
	s.turn <- struct{}{}
	o.retire() // no commit of it is under way or will be
	<-s.turn
}

// patience is how long a partition that is let go waits for what is open: in a
// rebalance for open trees, at the end for dead letters only.
func (s *Source) patience() time.Duration {
	if s.leaving.Load() {
		return min(s.member.RevokeTime(), closeTimeout)
	}
	return s.member.RevokeTime()
}

// lastChance replays what failed once more, while the partition still is ours: a
// record in back-off would hold the commit below all that was acked behind it,
// and the successor would do that again. It takes as long as records fail, and
// a second at most.
func (s *Source) lastChance(c *kafkaio.Claim) {
	if !s.running.Load() {
		return
	}
	owned := *s.owned.Load()
	o := owned[slices.IndexFunc(owned, func(o *ownership) bool { return o.claim == c })]
	o.leave(time.Now())
	s.rouse()
	timer := time.NewTimer(min(time.Second, s.patience()/2))
	defer timer.Stop()
	select {
	case <-o.spent:
	case <-timer.C:
	}
}

// disown takes the ownership of a claim out of those that Run reads.
func (s *Source) disown(c *kafkaio.Claim) *ownership {
	s.mu.Lock()
	defer s.mu.Unlock()
	owned := slices.Clone(*s.owned.Load())
	i := slices.IndexFunc(owned, func(o *ownership) bool { return o.claim == c })
	o := owned[i]
	owned = slices.Delete(owned, i, i+1)
	s.owned.Store(&owned)
	return o
}

func (s *Source) rouse() { signal(s.wake) }

// finished reports whether c is closed.
func finished(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// limit is a partition's share of the bytes.
func (s *Source) limit() int { return s.spec.MaxBytes / max(1, len(*s.owned.Load())) }

// Ack ends a record.
func (s *Source) Ack(id uint64) {
	o := s.owner(id)
	if o == nil {
		return
	}
	if o.ack(id & numberMask) {
		s.rouse()
	}
	if s.acks++; s.acks >= s.spec.CommitAfter {
		s.acks = 0
		signal(s.hasten)
	}
}

// owner is who emitted a message id, or nil if its answers are no longer awaited.
func (s *Source) owner(id uint64) *ownership {
	n := uint16(id >> numberBits)
	if s.last == nil || s.last.id != n || s.last.stopped.Load() { // a stopped one's id may be another's by now
		s.last = (*s.ids.Load())[n]
	}
	return s.last
}

// Fail emits the record again after a while, or gives it up.
func (s *Source) Fail(id uint64, why spout.Failure) {
	o := s.owner(id)
	if o == nil {
		return
	}
	number := id & numberMask
	o.mu.Lock()
	o.failure = why
	verdict := o.tracker.Fail(number, why.Kind, s.spec.Retry, time.Now(), rand.Float64())
	g := givenUp{owner: o, number: number, why: why}
	if verdict == lowwater.GiveUp {
		g.record, g.attempts = o.tracker.Record(number).Record(), o.tracker.Attempts(number)
	}
	o.settle()
	o.mu.Unlock()
	switch verdict {
	case lowwater.Backoff:
		s.rouse()
	case lowwater.GiveUp:
		s.giveUp(g)
	}
}

package kafkaio

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
)

// interruptEvery is how often Close looks whether a join keeps it waiting: rarer than
// a session takes to end by itself.
const interruptEvery = 250 * time.Millisecond

// leaveTime is how long a broker may keep Close waiting once the claims had their time.
const leaveTime = 5 * time.Second

// joinMargin is for the coordinator's own work on top of the rebalance timeout.
const joinMargin = 5 * time.Second

// firstWait is how long the first fetch of a claim of sarama's may take.
const firstWait = 250 * time.Millisecond

// MemberConfig says what a Member reads and whom it tells.
type MemberConfig struct {
	Brokers, Topics []string
	Group           string
	Sarama          *sarama.Config // of ReaderConfig; not changed
	First           Start          // where nothing is committed
	OutOfRange      Start          // where the offset is gone
	Log             *slog.Logger

	// Claimed is called when the group gives a partition to the Member, with
	// the Claim ready to be taken from. It must not block for long.
	Claimed func(*Claim)
	// Revoked is called once for each Claim that Claimed was called for, after
	// Take has ended. The partition is let go when it returns, which it must
	// within RevokeTime.
	Revoked func(*Claim)
}

// A Member is a member of a consumer group. It takes part until Close, through
// rebalances and lost brokers. Its methods may be used from any goroutine.
type Member struct {
	cfg                   MemberConfig
	conf                  *sarama.Config
	client                sarama.Client // offsets, metadata, commits; the fetchers have connections of their own
	group                 sarama.ConsumerGroup
	own                   sarama.Client // of group, which may block its connections for long
	clientWires, ownWires *wires
	away                  sync.Mutex // held by the one who waits for the coordinator
	health                health
	ready                 chan struct{}

	ctx     context.Context // of the membership
	cancel  context.CancelFunc
	running sync.WaitGroup // consume, errors

	consuming chan struct{} // closed when consume has ended
	once      sync.Once

	session atomic.Pointer[sarama.ConsumerGroupSession] // the last one
	claims  atomic.Int32                                // that live
	moved   atomic.Bool
	dead    chan struct{}
	fatal   error // set before dead is closed
}

// Connect checks that the brokers answer, that the topics exist, and that they
// and the group may be read. It blocks for as long as the configuration's
// timeouts and retries allow, and no longer than ctx. [Member.Join] comes next.
func Connect(ctx context.Context, cfg MemberConfig) (*Member, error) {
	conf := *cfg.Sarama
	wires := track(&conf, nil)
	stop := context.AfterFunc(ctx, wires.end)
	defer stop()
	client, err := dial(cfg.Brokers, &conf, cfg.Topics)
	if err != nil {
		return nil, cmp.Or(context.Cause(ctx), err)
	}
	m := &Member{
		cfg: cfg, conf: cfg.Sarama, client: client, clientWires: wires,
		health: health{log: cfg.Log}, ready: make(chan struct{}, 1), dead: make(chan struct{}),
	}
	if err := cmp.Or(m.checkTopics(ctx), m.checkGroup(ctx)); err != nil || !stop() { // without connections from now on
		_ = client.Close() // the check's error says more
		return nil, cmp.Or(context.Cause(ctx), err)
	}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	return m, nil
}

func (m *Member) checkTopics(ctx context.Context) error {
	for _, topic := range m.cfg.Topics {
		allowed, err := allowedOperations(ctx, m.client, topic)
		switch {
		case errors.Is(err, sarama.ErrUnknownTopicOrPartition):
			return missingTopic(topic)
		case errors.Is(err, sarama.ErrTopicAuthorizationFailed):
			return fmt.Errorf("kafka: no right to see topic %s; allow Describe and Read: %w", topic, err)
		case err != nil:
			return fmt.Errorf("kafka: look up topic %s: %w", topic, lineError{err})
		case allowed != unknownOperations && allowed&(1<<sarama.AclOperationRead) == 0:
			return fmt.Errorf("kafka: no right to read topic %s; allow Read: %w", topic, sarama.ErrTopicAuthorizationFailed)
		}
	}
	return nil
}

// Join joins the group in the background. From now on the callbacks are called. It
// blocks as Connect does.
func (m *Member) Join(ctx context.Context) error {
	// The answer to a join comes when all members have joined, and each may
	// let go of partitions before: that must not look like a dead connection.
	conf := *m.conf
	conf.Net.ReadTimeout = max(conf.Net.ReadTimeout, conf.Consumer.Group.Rebalance.Timeout+joinMargin)
	// Of a claim's own fetches the first is sent before the claim can be paused, and
	// heartbeats wait behind it.
	conf.Consumer.MaxWaitTime = min(conf.Consumer.MaxWaitTime, firstWait)
	m.ownWires = track(&conf, m.outlast)
	stop := context.AfterFunc(ctx, m.ownWires.end)
	defer stop()
	own, err := dial(m.cfg.Brokers, &conf, m.cfg.Topics)
	if err != nil {
		return cmp.Or(context.Cause(ctx), err)
	}
	if !stop() { // without connections from now on
		_ = own.Close() // it has none
		return context.Cause(ctx)
	}
	// Only a group fences a former owner of a partition: there is no way to be
	// assigned one by hand (P2).
	group, err := sarama.NewConsumerGroupFromClient(m.cfg.Group, own)
	if err != nil {
		_ = own.Close() // the first error says more
		return fmt.Errorf("kafka: join group %s: %w", m.cfg.Group, err)
	}
	m.own, m.group = own, group
	m.consuming = make(chan struct{})
	m.running.Go(func() {
		defer close(m.consuming)
		m.consume()
	})
	m.running.Go(func() {
		for err := range m.group.Errors() { // until the group is closed
			m.trouble(err)
		}
	})
	return nil
}

// consume keeps the membership until it is closed or fails for good.
func (m *Member) consume() {
	for {
		err := m.group.Consume(m.ctx, m.cfg.Topics, handler{m})
		if m.ctx.Err() != nil {
			return
		}
		if err == nil { // a session ended, and tells why if it did by itself
			err = m.cause()
		}
		if err == nil {
			continue
		}
		m.trouble(err)
		select {
		case <-m.dead:
			return
		default:
		}
		if !sleep(m.ctx, m.conf.Consumer.Group.Rebalance.Retry.Backoff) {
			return
		}
	}
}

// cause is why the last session ended, if it was not a rebalance.
func (m *Member) cause() error {
	s := m.session.Load()
	if s == nil {
		return nil
	}
	err := context.Cause((*s).Context())
	switch {
	case forGood(err) != "", errors.Is(err, sarama.ErrSessionConsumeClaimExited),
		errors.Is(err, sarama.ErrSessionHeartbeatFailed), errors.Is(err, sarama.ErrRebalanceTimedOut):
		return err
	}
	return nil
}

// trouble notes an error of the membership. It is over when a session begins.
func (m *Member) trouble(err error) {
	if fatal := forGood(err); fatal != "" {
		m.once.Do(func() {
			m.fatal = fmt.Errorf("kafka: group %s: %s: %w", m.cfg.Group, fatal, err)
			close(m.dead)
		})
		return
	}
	if _, ofPartition := errors.AsType[*sarama.ConsumerError](err); ofPartition {
		return // of sarama's own reading; the fetchers tell theirs
	}
	m.health.bad(membership, m.cfg.Group, err)
}

// forGood says what to do about an error that no retry cures; "" for others.
func forGood(err error) string {
	switch {
	case errors.Is(err, sarama.ErrGroupAuthorizationFailed):
		return "no right to read with it; allow Read on the group"
	case errors.Is(err, sarama.ErrFencedInstancedId):
		return "another member joined with our instance id; give each its own"
	case errors.Is(err, sarama.ErrInconsistentGroupProtocol):
		return "its members use another balance strategy; set Sarama's Consumer.Group.Rebalance.GroupStrategies as theirs"
	case errors.Is(err, sarama.ErrInvalidSessionTimeout):
		return "the brokers do not allow this Consumer.Group.Session.Timeout; change it"
	}
	return ""
}

// handler is a Member as sarama sees it.
type handler struct{ m *Member }

func (h handler) Setup(s sarama.ConsumerGroupSession) error {
	h.m.session.Store(&s)
	h.m.health.good(membership, h.m.cfg.Group)
	return nil
}

func (h handler) Cleanup(sarama.ConsumerGroupSession) error { return nil }

// ConsumeClaim is the life of a claim. sarama's own consumer of the partition is
// paused for ever: its channel only tells that the partition is revoked.
func (h handler) ConsumeClaim(s sarama.ConsumerGroupSession, sc sarama.ConsumerGroupClaim) error {
	h.m.claims.Add(1)
	defer h.m.claims.Add(-1)
	h.m.group.Pause(map[string][]int32{sc.Topic(): {sc.Partition()}})
	revoked := make(chan struct{})
	go func() { // ends when sarama closes the channel, at the latest when we return
		for range sc.Messages() {
		}
		close(revoked)
	}()
	c := &Claim{
		Topic: sc.Topic(), Partition: sc.Partition(),
		member: h.m, session: s, batches: make(chan Batch, 1), lost: make(chan struct{}),
	}
	c.end.Store(-1)
	c.run(revoked)
	return nil
}

// Ready gets a value when a claim has a new batch. It has room for one, so look
// at all claims after a receive.
func (m *Member) Ready() <-chan struct{} { return m.ready }

func (m *Member) wake() {
	select {
	case m.ready <- struct{}{}:
	default:
	}
}

// Dead is closed when the membership failed for good; Err then says why.
func (m *Member) Dead() <-chan struct{} { return m.dead }

// Err is why the membership failed for good. Call it after Dead was closed.
func (m *Member) Err() error { return m.fatal }

// RevokeTime is how long Revoked may take: half of the time that the group waits
// for its members in a rebalance.
func (m *Member) RevokeTime() time.Duration { return m.conf.Consumer.Group.Rebalance.Timeout / 2 }

// Trouble is what fails now (membership, reading, committing), or "" and nil.
func (m *Member) Trouble() (doing string, err error) { return m.health.trouble() }

// LastError is the last thing that failed, over or not, or nil.
func (m *Member) LastError() error { return m.health.lastError() }

// Troubled notes that the reader failed to commit for who, or succeeded again if
// err is nil.
func (m *Member) Troubled(who string, err error) {
	if err != nil {
		m.health.bad(committing, who, err)
	} else {
		m.health.good(committing, who)
	}
}

// Identity is the member id and generation of now, for showing; "" before the
// first join.
func (m *Member) Identity() (id string, generation int32) {
	s := m.session.Load()
	if s == nil {
		return "", 0
	}
	return (*s).MemberID(), (*s).GenerationID()
}

func (m *Member) instance() *string {
	if m.conf.Consumer.Group.InstanceId == "" {
		return nil
	}
	return &m.conf.Consumer.Group.InstanceId
}

// Moved makes Close of a static member keep its place in the group, for a successor
// of the same name, who then reads on without a rebalance.
func (m *Member) Moved() { m.moved.Store(true) }

// Close lets all claims go, each with its call of Revoked, leaves the group, and
// waits until all goroutines have ended. Brokers that do not answer are given up some
// seconds after RevokeTime. Also a Member that never joined must be closed.
func (m *Member) Close() error {
	m.cancel()
	var err error
	if m.group != nil {
		m.running.Go(m.interrupt)
		defer time.AfterFunc(m.RevokeTime()+leaveTime, m.giveUp).Stop()
		err = m.group.Close()
		m.running.Wait()
		// sarama leaves static members in the group, and gives up leaving
		// when the coordinator has moved; their partitions would then go to
		// the others only after the session timeout.
		if static := m.instance() != nil; err != nil && !static || static && !m.moved.Load() {
			err = m.leave()
		}
		err = errors.Join(err, m.own.Close())
	}
	err = errors.Join(err, m.client.Close())
	if err != nil {
		return fmt.Errorf("kafka: leave group %s: %w", m.cfg.Group, err)
	}
	return nil
}

// giveUp ends what waits for brokers that do not answer: sarama asks each of them several
// times, which at the usual timeouts takes a quarter of an hour.
func (m *Member) giveUp() {
	m.ownWires.end()
	m.clientWires.end()
}

// interrupt cuts short a join that is under way: its answer would come when all other
// members have joined, of which one may wait for us to be gone. Claims that live still
// commit, and take their time.
func (m *Member) interrupt() {
	for {
		select {
		case <-m.consuming:
			return
		case <-time.After(interruptEvery):
		}
		if m.claims.Load() == 0 {
			m.ownWires.cut()
		}
	}
}

// leavePatience is for how long leave asks a coordinator that is away, or not at work yet:
// else its successors wait for the end of a session, with nobody reading meanwhile.
const leavePatience = 2 * time.Second

func (m *Member) leave() error {
	id, _ := m.Identity()
	if id == "" {
		return nil
	}
	for over := time.Now().Add(leavePatience); ; {
		err := m.leaveAs(id)
		if err == nil || forGood(err) != "" || time.Now().After(over) {
			return err
		}
		if !sleep(m.clientWires.ctx, max(m.conf.Metadata.Retry.Backoff, leastPause)) { // given up
			return err
		}
		_ = m.client.RefreshCoordinator(m.cfg.Group) // its failure shows at the next try
	}
}

func (m *Member) leaveAs(id string) error {
	coordinator, err := m.client.Coordinator(m.cfg.Group)
	if err != nil {
		return err
	}
	resp, err := coordinator.LeaveGroup(&sarama.LeaveGroupRequest{
		Version: 3, GroupId: m.cfg.Group,
		// Not by the instance id: a successor may have it by now, and some
		// brokers would let that one go.
		Members: []sarama.MemberIdentity{{MemberId: id}},
	})
	if err != nil {
		_ = coordinator.Close() // sarama opens it again at the next request
		return err
	}
	codes := []sarama.KError{resp.Err}
	for _, member := range resp.Members {
		codes = append(codes, member.Err)
	}
	for _, code := range codes {
		if code != sarama.ErrNoError && !Lost(code) { // lost: it is gone already
			return code
		}
	}
	return nil
}

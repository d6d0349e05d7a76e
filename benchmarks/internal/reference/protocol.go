package reference

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waterspout/waterspout/internal/kafkaio"
	"github.com/waterspout/waterspout/internal/tweets"
)

// A protocol is the loop that one would write by hand on the client that the
// engines share, package kafkaio: threads that each are a member of the group and
// have a writer, decode and encode what they read, and commit what the broker has.
// A record is written to the partition that it was read from, so that a commit is
// one number, as in loop.
type protocol struct {
	threads []*thread
	ctx     context.Context
	cancel  context.CancelCauseFunc
	ended   chan struct{}
}

// A thread belongs to its goroutine but for acked and the claims' next, which the
// writer's results set.
type thread struct {
	spec    Spec
	log     *slog.Logger
	member  *kafkaio.Member
	writer  *kafkaio.Writer[written]
	claimed chan *kafkaio.Claim
	revoked chan *kafkaio.Claim
	let     chan struct{} // a revoked claim may go
	over    chan struct{} // closed when nobody answers revoked any more
	claims  []*claimed
	acked   atomic.Uint64
	err     chan error // of the writer; room for one
	arena   []byte
	tweet   tweets.Tweet
}

// A claimed partition.
type claimed struct {
	*kafkaio.Claim
	next      atomic.Int64 // the offset after the last record that was written
	committed int64
}

// A written record is of a claim, and the offset after it.
type written struct {
	claim *claimed
	next  int64
}

func startProtocol(ctx context.Context, s Spec, threads int) (job, error) {
	p := &protocol{ended: make(chan struct{})}
	p.ctx, p.cancel = context.WithCancelCause(ctx)
	for i := range threads {
		t, err := openThread(ctx, s, i)
		if err != nil {
			for _, t := range p.threads {
				err = errors.Join(err, t.close(ctx))
			}
			return nil, err
		}
		p.threads = append(p.threads, t)
	}
	var all sync.WaitGroup
	for _, t := range p.threads {
		all.Go(func() {
			if err := t.run(p.ctx); err != nil {
				p.cancel(err)
			}
		})
	}
	go func() {
		all.Wait()
		close(p.ended)
	}()
	return p, nil
}

func openThread(ctx context.Context, s Spec, index int) (*thread, error) {
	conf, err := kafkaio.ReaderConfig(nil, fmt.Sprintf("%s-%d", s.Group, index), false)
	if err != nil {
		return nil, err
	}
	t := &thread{
		spec: s, log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		claimed: make(chan *kafkaio.Claim), revoked: make(chan *kafkaio.Claim), let: make(chan struct{}), over: make(chan struct{}), err: make(chan error, 1),
	}
	t.member, err = kafkaio.Connect(ctx, kafkaio.MemberConfig{
		Brokers: s.Brokers, Topics: []string{s.In}, Group: s.Group, Sarama: conf, Log: t.log,
		Claimed: func(c *kafkaio.Claim) { t.hear(t.claimed, c) },
		Revoked: func(c *kafkaio.Claim) {
			if t.hear(t.revoked, c) {
				<-t.let
			}
		},
	})
	if err != nil {
		return nil, err
	}
	o := kafkaio.WriterOptions{Brokers: s.Brokers, Topics: []string{s.Out}, Manual: true}
	if t.writer, err = kafkaio.NewWriter(ctx, o, t.results); err != nil {
		return nil, errors.Join(err, t.member.Close())
	}
	return t, nil
}

// hear tells the thread of a claim, if it still runs.
func (t *thread) hear(to chan<- *kafkaio.Claim, c *kafkaio.Claim) bool {
	select {
	case to <- c:
		return true
	case <-t.over:
		return false
	}
}

func (t *thread) results(r kafkaio.Result[written]) {
	if r.Err != nil {
		select {
		case t.err <- r.Err:
		default:
		}
		return
	}
	last := r.Tokens[len(r.Tokens)-1] // a partition's records stay in its order, in a partition of their own
	last.claim.next.Store(last.next)
	t.acked.Add(uint64(len(r.Tokens)))
}

func (t *thread) run(ctx context.Context) (err error) {
	tick := time.NewTicker(commitEvery)
	defer tick.Stop()
	defer func() { err = errors.Join(err, t.close(ctx)) }()
	if err := t.member.Join(ctx); err != nil {
		return err
	}
	for {
		select {
		case c := <-t.claimed:
			p := &claimed{Claim: c, committed: c.Start}
			p.next.Store(c.Start)
			t.claims = append(t.claims, p)
		case c := <-t.revoked:
			err = t.letGo(ctx, c)
			t.let <- struct{}{}
		case <-t.member.Ready():
			err = t.take(ctx, tick.C)
		case <-tick.C:
			_, err = t.commit()
		case err = <-t.err:
		case <-t.member.Dead():
			err = t.member.Err()
		case <-ctx.Done():
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// take does what has arrived, a batch of each claim in turn until there is none, and
// commits meanwhile.
func (t *thread) take(ctx context.Context, tick <-chan time.Time) error {
	for more := true; more && ctx.Err() == nil; {
		more = false
		select {
		case <-tick:
			if _, err := t.commit(); err != nil {
				return err
			}
		default:
		}
		for _, c := range t.claims {
			b, ok := c.Take()
			if !ok {
				continue
			}
			more = true
			for i := range b.Records {
				if err := t.do(ctx, c, b.Records[i].Record()); err != nil {
					return err
				}
			}
		}
		if err := t.writer.Push(ctx); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

func (t *thread) do(ctx context.Context, c *claimed, r kafkaio.Record) error {
	if err := tweetCodec.Decode(r.Value, &t.tweet); err != nil {
		return fmt.Errorf("offset %d: %w", r.Offset, err)
	}
	if cap(t.arena)-len(t.arena) < 2048 {
		t.arena = make([]byte, 0, 64<<10)
	}
	from := len(t.arena)
	var err error
	if t.arena, err = tweetCodec.Append(t.arena, t.tweet); err != nil {
		return fmt.Errorf("offset %d: %w", r.Offset, err)
	}
	out := kafkaio.Record{Topic: t.spec.Out, Partition: r.Partition, Value: t.arena[from:len(t.arena):len(t.arena)]}
	if err := t.writer.Write(ctx, &out, written{c, r.Offset + 1}); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

// commit commits what was written. Again says that the group, which changes, refused
// some of it for now.
func (t *thread) commit() (again bool, err error) {
	var points []kafkaio.Point
	var of []*claimed
	for _, c := range t.claims {
		if next := c.next.Load(); next > c.committed {
			points, of = append(points, kafkaio.Point{Claim: c.Claim, Offset: next}), append(of, c)
		}
	}
	if len(points) == 0 {
		return false, nil
	}
	for i, err := range t.member.Commit(points...) {
		switch {
		case err == nil:
			of[i].committed = points[i].Offset
		case kafkaio.Lost(err):
		case kafkaio.Passing(err):
			again = true
		default:
			return false, err
		}
	}
	return again, nil
}

// How often, and for how long, a last commit is tried again.
const (
	commitPause = 50 * time.Millisecond
	commitTries = 2 * time.Second
)

// commitLast commits until the group takes it. If it does not, a successor reads some
// records again, which the oracle counts.
func (t *thread) commitLast() error {
	for deadline := time.Now().Add(commitTries); ; time.Sleep(commitPause) {
		again, err := t.commit()
		if !again || time.Now().After(deadline) {
			return err
		}
	}
}

func (t *thread) letGo(ctx context.Context, c *kafkaio.Claim) error {
	err := errors.Join(t.writer.Flush(ctx), t.commitLast())
	for i, mine := range t.claims {
		if mine.Claim == c {
			t.claims = append(t.claims[:i], t.claims[i+1:]...)
			break
		}
	}
	return err
}

// close writes and commits what was begun.
func (t *thread) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stall)
	defer cancel()
	err := errors.Join(t.writer.Close(ctx), t.commitLast())
	close(t.over)
	return errors.Join(err, t.member.Close())
}

func (p *protocol) written() (n uint64) {
	for _, t := range p.threads {
		n += t.acked.Load()
	}
	return n
}

func (p *protocol) failed() <-chan struct{} { return p.ended }

func (p *protocol) stop(context.Context) error {
	p.cancel(context.Canceled)
	<-p.ended
	if err := context.Cause(p.ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

package microbatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/IBM/sarama"

	"github.com/waterspout/waterspout/internal/kafkaio"
)

// ReceiverKafkaParams say what a receiver reads.
type ReceiverKafkaParams struct {
	KafkaParams
	Threads int // consumer threads, each a member of the group; 1 if 0
	// Smallest is auto.offset.reset=smallest as Spark meant it: when the context
	// starts, the group's commits are deleted, so that a restart begins with the
	// oldest record again. Without, the oldest is read where nothing is committed.
	Smallest bool
}

// A KafkaReceiver is a receiver of a topic, with threads that are members of one
// consumer group. What a thread has stored is committed at the next commit interval,
// as the old high-level consumer did, whether or not a batch has processed it.
type KafkaReceiver struct {
	params  ReceiverKafkaParams
	log     *slog.Logger
	opened  bool // once
	threads atomic.Pointer[[]*thread]
}

// ReceiverKafkaStream is a [ReceiverStream] of a topic. Several of them in one
// group, put together by [Union], share the topic's partitions.
func ReceiverKafkaStream(ssc *StreamingContext, params ReceiverKafkaParams, options ReceiverOptions) (*DStream[Record], *KafkaReceiver) {
	r := &KafkaReceiver{params: params, log: ssc.conf.Log}
	r.threads.Store(&[]*thread{})
	return ReceiverStream(ssc, r, options), r
}

// Open connects the threads and joins the group.
func (r *KafkaReceiver) Open(ctx context.Context) error {
	if r.params.Smallest && !r.opened {
		r.forget()
	}
	r.opened = true
	var threads []*thread
	for i := range max(r.params.Threads, 1) {
		t, err := r.newThread(ctx, i)
		if err == nil {
			threads = append(threads, t)
			err = t.member.Join(ctx)
		}
		if err != nil {
			return errors.Join(err, closeThreads(threads))
		}
	}
	r.threads.Store(&threads)
	return nil
}

func (r *KafkaReceiver) newThread(ctx context.Context, i int) (*thread, error) {
	instance := r.params.Instance
	if instance != "" {
		instance = fmt.Sprintf("%s-%d", instance, i)
	}
	t := &thread{changed: make(chan struct{}, 1)}
	var err error
	t.member, err = r.params.connect(ctx, instance, r.log, t.claimed, t.revoked)
	return t, err
}

// forget deletes the group, as Spark deleted its node in ZooKeeper: on a best-effort
// basis, without a word about a group that is in use or was never there.
func (r *KafkaReceiver) forget() {
	conf, err := kafkaio.NewConfig(nil)
	if err != nil {
		return
	}
	conf.Metadata.Full = true // sarama's admin wants it
	admin, err := sarama.NewClusterAdmin(r.params.Brokers, conf)
	if err != nil {
		return // Open says so, too
	}
	_ = admin.DeleteConsumerGroup(r.params.Group)
	_ = admin.Close()
}

// Receive runs the threads. The first that dies takes the others with it; all stay
// members of the group until Close, so that nobody else gets their partitions.
func (r *KafkaReceiver) Receive(ctx context.Context, store Store[Record]) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var running sync.WaitGroup
	for _, t := range *r.threads.Load() {
		running.Go(func() { cancel(t.run(ctx, store)) })
	}
	running.Wait()
	return context.Cause(ctx)
}

// Close commits what was stored, and leaves the group.
func (r *KafkaReceiver) Close() error {
	return closeThreads(*r.threads.Swap(&[]*thread{}))
}

func closeThreads(threads []*thread) error {
	errs := make([]error, len(threads))
	var closing sync.WaitGroup
	for i, t := range threads {
		closing.Go(func() { errs[i] = t.member.Close() })
	}
	closing.Wait()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("microbatch: close a receiver: %w", err)
	}
	return nil
}

// Assigned is how many partitions each thread has now.
func (r *KafkaReceiver) Assigned() []int {
	var assigned []int
	for _, t := range *r.threads.Load() {
		t.mu.Lock()
		assigned = append(assigned, len(t.claims))
		t.mu.Unlock()
	}
	return assigned
}

package kafkaio

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
)

const (
	// chunk is after how many records Write pushes by itself, if they do not fill
	// a batch before.
	chunk = 128
	// handful is how many records are put into their batches under one lock.
	handful = 16
	// bufferBytes bounds what a Writer has taken and not settled.
	bufferBytes = 32 << 20
)

// A Result is the outcome of records of one partition. Err is nil when the broker
// has them on all its in-sync replicas; then Partition and Offset say where.
type Result[T any] struct {
	Tokens    []T // of the records, in the order of Write
	Partition int32
	Offset    int64 // of the first, the others follow; -1 if the broker did not tell, which it need not after a retry
	Err       error // a *RefusedError if sending them again cannot help
}

// A Writer sends records, idempotently and to all in-sync replicas, and reports
// the outcome of each: the caller's token of each record that Write took is in
// exactly one Result. Records of a partition are sent in the order of Write,
// also when they are sent again; only those that fail are missing from it. Records
// that an outage may have let through are sent again until there is an answer, others
// fail after Producer.Retry.Max retries.
//
// There is one request in flight per broker, and no linger: under load batches
// grow while a request is under way, and without load they are small.
//
// Write, Push, Flush and Close belong to one goroutine. Results come on
// goroutines of the Writer, or during one of its methods, but never two calls
// beside each other.
type Writer[T any] struct {
	client  sarama.Client
	wires   *wires
	conf    *sarama.Config
	manual  bool
	results func(Result[T])

	taken   []taken[T]      // not in their batches yet, at most a handful
	pushing []*partition[T] // written to since Push
	count   int             // records since Push
	bytes   int             // the same
	now     int64           // of records without a time, in milliseconds; 0 if none was asked for since Push
	router  router[T]
	pool    pool[T]
	deliver sync.Mutex
	open    atomic.Int64  // records pushed, less those whose result is out
	idle    chan struct{} // gets a token when open falls to 0
	space   chan struct{} // gets a token when queued falls below bufferBytes

	mu      sync.Mutex // guards what follows, and the partitions and links
	queued  int        // bytes in the queues
	links   map[int32]*link[T]
	lookout []*partition[T] // partitions without a home that have something to send
	latest  identity        // the identity that a spoiled partition may adopt
	closing error           // set by Close: why what is left fails

	seek chan struct{} // gets a token when lookout or closing changed
	stop chan struct{} // closed with closing
	work sync.WaitGroup
}

// NewWriter connects a Writer and checks that the topics exist and may be written
// to; ctx bounds that and nothing later. results must not block or call the Writer,
// and does not keep the slice of tokens.
func NewWriter[T any](ctx context.Context, o WriterOptions, results func(Result[T])) (*Writer[T], error) {
	conf, err := o.producerConfig()
	if err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	wires := track(conf, nil)
	stop := context.AfterFunc(ctx, wires.end)
	defer stop()
	client, err := dial(o.Brokers, conf, o.Topics)
	if err != nil {
		return nil, cmp.Or(context.Cause(ctx), err)
	}
	id, err := checkWriter(ctx, client, o.Topics)
	if err != nil || !stop() { // without connections from now on
		_ = client.Close() // err says more
		return nil, cmp.Or(context.Cause(ctx), err)
	}
	w := &Writer[T]{
		client: client, wires: wires, conf: conf, manual: o.Manual, results: results,
		router: newRouter[T](client),
		idle:   make(chan struct{}, 1), space: make(chan struct{}, 1),
		links: map[int32]*link[T]{}, latest: id,
		seek: make(chan struct{}, 1), stop: make(chan struct{}),
	}
	w.work.Go(w.seekHomes)
	return w, nil
}

// Write takes one record. r.Topic is where it goes; r.Partition counts only with
// the option Manual; a zero r.Time is now. r is not kept, but what its slices point to
// must stay as it is until Push has returned. Whoever writes no more for now must call
// [Writer.Push].
//
// Write blocks while too many bytes are on their way, and while a topic is looked
// up. If ctx ends meanwhile, the record is taken all the same and the next call
// goes on with it.
func (w *Writer[T]) Write(ctx context.Context, r *Record, token T) error {
	to, err := w.router.partition(r, w.manual)
	bytes := size(r)
	if err == nil && bytes > w.conf.Producer.MaxMessageBytes {
		err = fmt.Errorf("%w: %d bytes, and Producer.MaxMessageBytes is %d", sarama.ErrMessageSizeTooLarge, bytes, w.conf.Producer.MaxMessageBytes)
	}
	if err == nil && !Timely(r.Time) {
		err = fmt.Errorf("%w: %s", sarama.ErrInvalidTimestamp, r.Time.UTC().Format(time.RFC3339))
	}
	if err != nil {
		w.open.Add(1)
		w.tell(Result[T]{Tokens: []T{token}, Partition: -1, Offset: -1, Err: outcome(r.Topic, err)})
		return nil
	}
	w.add(to, r, token, bytes)
	if w.count < chunk && w.bytes < w.conf.Producer.MaxMessageBytes {
		return nil
	}
	return w.Push(ctx)
}

// Timely reports whether a record of time t can be written: sarama has no way to say a
// time before 1970, with which it refuses the whole request, and none after 2261, of
// which it makes another. The zero time can; it stands for now.
func Timely(t time.Time) bool { return t.IsZero() || t.UnixMilli() >= 0 && t.Year() <= 2261 }

// A taken is a record on its way into a batch.
type taken[T any] struct {
	to     *partition[T]
	record Record
	at     int64 // its time in milliseconds
	token  T
	bytes  int
}

// add takes a record for a partition.
func (w *Writer[T]) add(to *partition[T], r *Record, token T, bytes int) {
	if !to.pushing {
		to.pushing = true
		w.pushing = append(w.pushing, to)
	}
	w.count++
	w.bytes += bytes
	w.taken = append(w.taken, taken[T]{to, *r, w.timeOf(r), token, bytes})
	if len(w.taken) == handful {
		w.mu.Lock()
		w.distribute()
		w.mu.Unlock()
	}
}

// distribute puts the records taken into the batches of their partitions. w.mu is held.
func (w *Writer[T]) distribute() {
	for i := range w.taken {
		r := &w.taken[i]
		w.queued += r.bytes
		w.filling(r.to, r.bytes).add(&r.record, r.at, r.token, r.bytes)
	}
	clear(w.taken)
	w.taken = w.taken[:0]
}

// timeOf is the time of a record in milliseconds. The clock is read once a chunk.
func (w *Writer[T]) timeOf(r *Record) int64 {
	if !r.Time.IsZero() {
		return r.Time.UnixMilli()
	}
	if w.now == 0 {
		w.now = time.Now().UnixMilli()
	}
	return w.now
}

// Push has sent what was written, without waiting for results. It blocks while too
// many bytes are on their way.
func (w *Writer[T]) Push(ctx context.Context) error {
	if w.count == 0 {
		return nil
	}
	w.mu.Lock()
	w.distribute()
	for _, p := range w.pushing {
		p.pushing = false
		if p.ready() {
			notify(p.home.wake)
		}
	}
	w.pushing = w.pushing[:0]
	for w.queued >= bufferBytes {
		w.mu.Unlock()
		select {
		case <-w.space:
		case <-ctx.Done():
			return fmt.Errorf("kafka: %d records wait to be sent: %w", w.count, context.Cause(ctx))
		}
		w.mu.Lock()
	}
	w.mu.Unlock()
	open := w.open.Add(int64(w.count)) // below zero until now, if results were quicker
	w.router.next(w.bytes, open <= int64(w.count))
	w.count, w.bytes, w.now = 0, 0, 0
	return nil
}

// Flush pushes what was written and waits until every record has its result.
func (w *Writer[T]) Flush(ctx context.Context) error {
	if err := w.Push(ctx); err != nil {
		return err
	}
	for w.open.Load() > 0 {
		select {
		case <-w.idle:
		case <-ctx.Done():
			return fmt.Errorf("kafka: %d records without an answer from the broker: %w", w.open.Load(), context.Cause(ctx))
		}
	}
	return nil
}

// Close flushes, reports what is left as failed when ctx ends before that, and
// waits for the Writer's goroutines. A Writer is closed once.
func (w *Writer[T]) Close(ctx context.Context) error {
	err := w.Flush(ctx)
	w.mu.Lock()
	w.closing = cmp.Or(err, sarama.ErrClosedClient)
	w.mu.Unlock()
	close(w.stop)
	if err != nil {
		w.wires.end()
	}
	closed := w.client.Close()
	w.work.Wait()
	if err != nil {
		return err
	}
	if closed != nil {
		return fmt.Errorf("kafka: close the connection: %w", closed)
	}
	return nil
}

// notify puts a token into a channel of one place, if it is free.
func notify(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

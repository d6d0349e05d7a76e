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
	// chunk is how many records Write collects before it hands them over by
	// itself.
	chunk = 128
	// bufferBytes bounds what a Writer has taken and not settled.
	bufferBytes = 32 << 20
)

// A Result is the outcome of one record. Err is nil when the broker has the
// record on all its in-sync replicas; then Partition and Offset say where.
type Result[T any] struct {
	Token     T
	Partition int32
	Offset    int64 // -1 if the broker did not tell, which it need not after a retry
	Err       error // a *RefusedError if sending it again cannot help
}

// A Writer sends records, idempotently and to all in-sync replicas, and reports
// the outcome of each: exactly one Result per record that Write took, carrying
// the caller's token. Records of a partition are sent in the order of Write,
// also when they are sent again; only those that fail are missing from it.
//
// There is one request in flight per broker, and no linger: under load batches
// grow while a request is under way, and without load they are small.
//
// Write, Push, Flush and Close belong to one goroutine. Results come on
// goroutines of the Writer, or during one of its methods, but never two calls
// beside each other.
type Writer[T any] struct {
	client  sarama.Client
	conns   *conns
	conf    *sarama.Config
	manual  bool
	results func([]Result[T])

	chunk   []item[T] // written, not handed over yet
	router  router[T]
	pool    sync.Pool // of *batch[T]
	deliver sync.Mutex
	open    atomic.Int64  // records handed over whose result is not out
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

// An item is a record on its way to its partition.
type item[T any] struct {
	record Record
	token  T
	to     *partition[T]
}

// NewWriter connects a Writer and checks that the topics exist and may be written
// to; ctx bounds that and nothing later. results is called with at least one
// Result at a time; it must not block or call the Writer, and does not keep the
// slice.
func NewWriter[T any](ctx context.Context, o WriterOptions, results func([]Result[T])) (*Writer[T], error) {
	conf, err := o.producerConfig()
	if err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	conns := watchConns(conf)
	defer context.AfterFunc(ctx, conns.cut)()
	client, err := dial(o.Brokers, conf)
	if err != nil {
		return nil, cmp.Or(context.Cause(ctx), err)
	}
	id, err := checkWriter(ctx, client, o.Topics)
	if err != nil {
		_ = client.Close() // err says more
		return nil, cmp.Or(context.Cause(ctx), err)
	}
	w := &Writer[T]{
		client: client, conns: conns, conf: conf, manual: o.Manual, results: results,
		chunk: make([]item[T], 0, chunk), router: newRouter[T](client),
		pool: sync.Pool{New: func() any { return &batch[T]{sequence: -1} }},
		idle: make(chan struct{}, 1), space: make(chan struct{}, 1),
		links: map[int32]*link[T]{}, latest: id,
		seek: make(chan struct{}, 1), stop: make(chan struct{}),
	}
	w.work.Go(w.seekHomes)
	return w, nil
}

// Write takes one record. r.Topic is where it goes; r.Partition counts only with
// the option Manual; a zero r.Time is now. The record's slices must stay as they
// are until its result. Records leave in chunks: when one is full, Write hands
// it over, else [Writer.Push] does.
//
// Write blocks while too many bytes are on their way, and while a topic is looked
// up. If ctx ends meanwhile, the record is taken all the same and the next call
// goes on with it.
func (w *Writer[T]) Write(ctx context.Context, r *Record, token T) error {
	to, err := w.router.partition(r, w.manual)
	if err == nil {
		err = w.tooLarge(r)
	}
	if err != nil {
		w.open.Add(1)
		w.report([]Result[T]{{Token: token, Partition: -1, Offset: -1, Err: outcome(r.Topic, err)}})
		return nil
	}
	w.chunk = append(w.chunk, item[T]{*r, token, to})
	if len(w.chunk) < chunk {
		return nil
	}
	return w.Push(ctx)
}

func (w *Writer[T]) tooLarge(r *Record) error {
	if n := size(r); n > w.conf.Producer.MaxMessageBytes {
		return fmt.Errorf("%w: %d bytes, and Producer.MaxMessageBytes is %d", sarama.ErrMessageSizeTooLarge, n, w.conf.Producer.MaxMessageBytes)
	}
	return nil
}

// Push hands over what was written, without waiting for results. It blocks while
// too many bytes are on their way.
func (w *Writer[T]) Push(ctx context.Context) error {
	if len(w.chunk) == 0 {
		return nil
	}
	now := time.Now()
	w.mu.Lock()
	for w.queued >= bufferBytes {
		w.mu.Unlock()
		select {
		case <-w.space:
		case <-ctx.Done():
			return fmt.Errorf("kafka: %d records wait to be sent: %w", len(w.chunk), context.Cause(ctx))
		}
		w.mu.Lock()
	}
	w.open.Add(int64(len(w.chunk)))
	for i := range w.chunk {
		w.enqueue(&w.chunk[i], now)
	}
	w.mu.Unlock()
	clear(w.chunk)
	w.chunk = w.chunk[:0]
	w.router.rotate()
	return nil
}

// Flush hands over what was written and waits until every record has its result.
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
		w.conns.cut()
	}
	closed := w.client.Close()
	w.work.Wait()
	w.abandon()
	if err != nil {
		return err
	}
	if closed != nil {
		return fmt.Errorf("kafka: close the connection: %w", closed)
	}
	return nil
}

// abandon fails what Push did not hand over.
func (w *Writer[T]) abandon() {
	if len(w.chunk) == 0 {
		return
	}
	failed := make([]Result[T], len(w.chunk))
	for i := range w.chunk {
		failed[i] = Result[T]{Token: w.chunk[i].token, Partition: -1, Offset: -1, Err: w.closing}
	}
	w.chunk = nil
	w.open.Add(int64(len(failed)))
	w.report(failed)
}

// report hands out results. It is not called with w.mu held.
func (w *Writer[T]) report(results []Result[T]) {
	if len(results) == 0 {
		return
	}
	w.deliver.Lock()
	w.results(results)
	w.deliver.Unlock()
	if w.open.Add(-int64(len(results))) == 0 {
		notify(w.idle)
	}
}

// notify puts a token into a channel of one place, if it is free.
func notify(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

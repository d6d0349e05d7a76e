package natsnet

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/waterspout/waterspout/transport"
)

// A consumer that is alive and has nothing to say says so every beat. One that is
// silent for longer than silence has gone with its stream.
const (
	beat    = time.Second
	silence = 3 * beat
)

// unread is how many changes wait for the reader of a watch, all keys of a beginning
// among them. NATS drops more, which shows as a gap, and the watch begins anew.
const unread = 8 << 10

// errAnew is why a watch begins anew: the connection or the consumer was lost, or
// changes were.
var errAnew = errors.New("natsnet: the watch begins anew")

var errSilent = errors.New("a consumer was made, and nothing comes of it")

// Watch implements transport.Store.
func (s *store) Watch(ctx context.Context) (<-chan transport.Entry, error) {
	if err := s.conn.over(ctx); err != nil {
		return nil, err
	}
	w := &watch{store: s, ctx: ctx, to: make(chan transport.Entry), sent: map[string]bool{}}
	w.outage = outage{log: s.refused.log, back: "the watch of the store has begun"}
	if !s.conn.watch(w.run) {
		return nil, transport.ErrClosed
	}
	return w.to, nil
}

// A watch is one call of Watch. Its goroutine is its conn's.
type watch struct {
	store *store
	ctx   context.Context
	to    chan transport.Entry
	sent  map[string]bool // keys that were sent and not deleted

	// It has an outage of its own: other calls may well succeed meanwhile.
	outage   outage
	silences int // rounds in which nothing was heard, up to now
}

func (w *watch) run() {
	defer close(w.to)
	for {
		err := w.round()
		if w.store.conn.over(w.ctx) != nil {
			return
		}
		if errors.Is(err, errAnew) {
			continue
		}
		w.outage.failed("a watch of the store does not begin: trying again", err)
		if w.store.conn.pause(w.ctx, time.Second) != nil {
			return
		}
	}
}

// A round is a watch from its beginning to its interruption.
type round struct {
	*watch
	open    jetstream.Stream
	changed context.Context // ends when the connection is lost
	sub     *nats.Subscription
	in      chan *nats.Msg
	next    uint64 // number of the next message
	heard   bool
	beginning
}

// round returns errAnew when it was interrupted, and other errors when the watch is
// over or could not begin.
func (w *watch) round() error {
	r := &round{watch: w, next: 1}
	defer func() { r.sub.Unsubscribe() }()
	if err := w.store.retry(w.ctx, &w.outage, r.begin); err != nil {
		return err
	}
	if len(r.unseen) == 0 {
		if err := r.told(); err != nil {
			return err
		}
	}
	return r.follow()
}

// begin makes a consumer, and lists what it has to begin with.
func (r *round) begin(ctx context.Context, open jetstream.Stream) (err error) {
	r.sub.Unsubscribe() // of an attempt that failed
	wire := r.store.conn.wires[stores]
	_, r.changed = wire.state.get()
	nc := wire.nc()
	inbox := nc.NewInbox()
	r.open, r.in = open, make(chan *nats.Msg, unread)
	if r.sub, err = nc.ChanSubscribe(inbox, r.in); err != nil {
		return err
	}
	if err := r.store.consume(ctx, open, inbox); err != nil {
		return err
	}
	r.beginning, err = r.store.beginning(ctx, open)
	return err
}

// consume has the server send the last message of each key, and all later ones. The
// consumer ends some seconds after the subscription.
func (s *store) consume(ctx context.Context, open jetstream.Stream, inbox string) error {
	_, err := open.CreatePushConsumer(ctx, jetstream.ConsumerConfig{
		DeliverSubject: inbox,
		FilterSubject:  s.prefix + ">",
		DeliverPolicy:  jetstream.DeliverLastPerSubjectPolicy,
		AckPolicy:      jetstream.AckNonePolicy,
		IdleHeartbeat:  beat,
		MemoryStorage:  true,
		Replicas:       1,
	})
	return err
}

func (r *round) follow() error {
	timer := time.NewTimer(silence)
	defer timer.Stop()
	for {
		select {
		case m := <-r.in:
			r.hears()
			if err := r.take(m); err != nil {
				return err
			}
			timer.Reset(silence) // now: the reader may have taken its time
		case <-timer.C:
			return r.silent()
		case <-r.changed.Done():
			return errAnew
		case <-r.store.conn.ctx.Done():
			return transport.ErrClosed
		case <-r.ctx.Done():
			return r.ctx.Err()
		}
	}
}

// hears notes that there is a consumer. That it was made does not say that it is heard.
func (r *round) hears() {
	if !r.heard {
		r.heard, r.silences = true, 0
		r.outage.over()
	}
}

// silent ends a round whose consumer is not heard. Once that is the loss of the stream;
// twice it is something that does not heal by itself, like a subscription that the
// server did not take.
func (r *round) silent() error {
	r.store.forget(r.store.current())
	if r.silences++; r.silences == 2 {
		r.outage.failed("a watch of the store hears nothing: trying again", errSilent)
	}
	return errAnew
}

// take takes a message of the consumer.
func (r *round) take(m *nats.Msg) error {
	if m.Header.Get("Status") != "" {
		last, err := strconv.ParseUint(m.Header.Get("Nats-Last-Consumer"), 10, 64)
		if err == nil && last >= r.next {
			return errAnew
		}
		return r.idle()
	}
	meta, err := m.Metadata()
	if err != nil {
		return nil // not of the consumer
	}
	if meta.Sequence.Consumer != r.next {
		return errAnew
	}
	r.next++
	if err := r.entry(m, meta.Sequence.Stream); err != nil {
		return err
	}
	if len(r.unseen) == 0 || meta.Sequence.Stream >= r.end {
		return r.idle()
	}
	return nil
}

// entry sends what m says.
func (r *round) entry(m *nats.Msg, revision uint64) error {
	key := strings.TrimPrefix(m.Subject, r.store.prefix)
	if r.stale(key, revision) {
		return nil
	}
	if deleted(m.Header) {
		return r.vanished(key)
	}
	return r.there(key, m.Data, revision)
}

// there says what key is now.
func (r *round) there(key string, data []byte, revision uint64) error {
	r.sent[key] = true
	return r.send(transport.Entry{Key: key, Value: value(data), Revision: revision})
}

// vanished says that key was deleted, to who knew of it.
func (r *round) vanished(key string) error {
	if !r.sent[key] {
		return nil
	}
	delete(r.sent, key)
	return r.send(transport.Entry{Key: key})
}

func (r *round) send(e transport.Entry) error {
	select {
	case r.to <- e:
		return nil
	case <-r.store.conn.ctx.Done():
		return transport.ErrClosed
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
}

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

// unread is how many changes wait for the reader of a watch. NATS drops more, which
// shows as a gap, and the watch begins anew.
const unread = 256

// errAnew is why a watch begins anew: the connection or the consumer was lost, or
// changes were.
var errAnew = errors.New("natsnet: the watch begins anew")

// Watch implements transport.Store.
func (s *store) Watch(ctx context.Context) (<-chan transport.Entry, error) {
	if err := s.conn.over(ctx); err != nil {
		return nil, err
	}
	w := &watch{store: s, ctx: ctx, to: make(chan transport.Entry), sent: map[string]bool{}}
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
		w.store.refused.failed("a watch does not begin: trying again", err)
		if w.store.conn.pause(w.ctx, time.Second) != nil {
			return
		}
	}
}

// A round is a watch from its beginning to its interruption.
type round struct {
	*watch
	in      chan *nats.Msg
	seen    map[string]bool // keys of the beginning, nil after it
	pending uint64          // messages of the beginning that are still to come
	next    uint64          // number of the next message
}

// round returns errAnew when it was interrupted, and other errors when the watch is
// over or could not begin.
func (w *watch) round() error {
	r := &round{watch: w, in: make(chan *nats.Msg, unread), seen: map[string]bool{}, next: 1}
	wire := w.store.conn.wires[stores]
	inbox := wire.nc.NewInbox()
	sub, err := wire.nc.ChanSubscribe(inbox, r.in)
	if err != nil {
		return err
	}
	defer sub.Unsubscribe()
	_, changed := wire.state.get()
	err = w.store.do(w.ctx, func(ctx context.Context, open jetstream.Stream) error {
		info, err := w.store.consume(ctx, open, inbox)
		if err == nil {
			r.pending = info.NumPending + info.Delivered.Consumer
		}
		return err
	})
	if err != nil {
		return err
	}
	if r.pending == 0 {
		if err := r.begun(); err != nil {
			return err
		}
	}
	return r.follow(changed)
}

// consume has the server send the last message of each key, and all later ones. The
// consumer ends some seconds after the subscription.
func (s *store) consume(ctx context.Context, open jetstream.Stream, inbox string) (*jetstream.ConsumerInfo, error) {
	consumer, err := open.CreatePushConsumer(ctx, jetstream.ConsumerConfig{
		DeliverSubject: inbox,
		FilterSubject:  s.prefix + ">",
		DeliverPolicy:  jetstream.DeliverLastPerSubjectPolicy,
		AckPolicy:      jetstream.AckNonePolicy,
		IdleHeartbeat:  beat,
		MemoryStorage:  true,
		Replicas:       1,
	})
	if err != nil {
		return nil, err
	}
	return consumer.CachedInfo(), nil
}

func (r *round) follow(changed context.Context) error {
	timer := time.NewTimer(silence)
	defer timer.Stop()
	for {
		select {
		case m := <-r.in:
			timer.Reset(silence)
			if err := r.take(m); err != nil {
				return err
			}
		case <-timer.C:
			r.store.forget(r.store.current())
			return errAnew
		case <-changed.Done():
			return errAnew
		case <-r.store.conn.ctx.Done():
			return transport.ErrClosed
		case <-r.ctx.Done():
			return r.ctx.Err()
		}
	}
}

// take takes a message of the consumer.
func (r *round) take(m *nats.Msg) error {
	if m.Header.Get("Status") != "" {
		last, err := strconv.ParseUint(m.Header.Get("Nats-Last-Consumer"), 10, 64)
		if err == nil && last >= r.next {
			return errAnew
		}
		return nil
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
	if r.seen != nil && (r.next > r.pending || meta.NumPending == 0) {
		return r.begun()
	}
	return nil
}

// entry sends what m says.
func (r *round) entry(m *nats.Msg, revision uint64) error {
	key := strings.TrimPrefix(m.Subject, r.store.prefix)
	if deleted(m.Header) {
		return r.vanished(key)
	}
	r.sent[key] = true
	if r.seen != nil {
		r.seen[key] = true
	}
	return r.send(transport.Entry{Key: key, Value: value(m.Data), Revision: revision})
}

// begun ends the beginning: what was there before and was not sent now is gone.
func (r *round) begun() error {
	for key := range r.sent {
		if !r.seen[key] {
			if err := r.vanished(key); err != nil {
				return err
			}
		}
	}
	r.seen = nil
	return r.send(transport.Entry{})
}

// vanished says that key was deleted, to who knew of it.
func (r *round) vanished(key string) error {
	if !r.sent[key] {
		return nil
	}
	delete(r.sent, key)
	delete(r.seen, key)
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

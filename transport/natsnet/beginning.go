package natsnet

import (
	"context"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/waterspout/waterspout/transport"
)

// A beginning is which keys a watch has yet to tell of before it has told all. A
// consumer that begins with the last message of each key sends none of a key that is
// written before its turn comes, but the new one, behind all the others: that a key
// did not come does not say that it is not there.
type beginning struct {
	begun  bool
	unseen map[string]bool   // keys of the bucket that did not come yet
	listed map[string]bool   // all of them
	end    uint64            // no message that was there when they were listed is behind it
	asked  map[string]uint64 // revisions of keys that the store was asked for
}

// beginning lists the keys of the bucket, those that were deleted among them. The
// consumer is made by then, so that what comes later comes from it.
func (s *store) beginning(ctx context.Context, open jetstream.Stream) (b beginning, err error) {
	info, err := open.Info(ctx, jetstream.WithSubjectFilter(s.prefix+">"))
	if err != nil {
		return b, err
	}
	b = beginning{unseen: map[string]bool{}, listed: map[string]bool{}, end: info.State.LastSeq, asked: map[string]uint64{}}
	for subject := range info.State.Subjects {
		key := strings.TrimPrefix(subject, s.prefix)
		b.unseen[key], b.listed[key] = true, true
	}
	return b, nil
}

// stale notes that key came, and reports whether something newer of it was told.
func (b *beginning) stale(key string, revision uint64) bool {
	if b.begun {
		return revision <= b.asked[key]
	}
	delete(b.unseen, key)
	b.listed[key] = true // also if it was made since
	return false
}

// idle ends the beginning, if it has not ended: the consumer has sent all that it had.
// A key that still did not come was written again and again, and is asked for.
func (r *round) idle() error {
	if r.begun {
		return nil
	}
	for key := range r.unseen {
		if err := r.ask(key); err != nil {
			return err
		}
	}
	return r.told()
}

// ask says what key is now. It ends with the connection, as the watch does.
func (r *round) ask(key string) error {
	ctx, cancel := context.WithTimeout(r.ctx, answer)
	defer cancel()
	defer context.AfterFunc(r.store.conn.ctx, cancel)()
	defer context.AfterFunc(r.changed, cancel)()
	m, err := r.store.last(ctx, r.open, key)
	switch {
	case r.changed.Err() != nil:
		return errAnew
	case err != nil:
		r.store.forget(r.open)
		return err
	case m == nil:
		return r.vanished(key)
	}
	r.asked[key] = m.Sequence
	if deleted(m.Header) {
		return r.vanished(key)
	}
	return r.there(key, m.Data, m.Sequence)
}

// told says that all was told: what was there before and is not among the keys of the
// bucket is gone.
func (r *round) told() error {
	for key := range r.sent {
		if !r.listed[key] {
			if err := r.vanished(key); err != nil {
				return err
			}
		}
	}
	r.begun, r.unseen, r.listed = true, nil, nil
	return r.send(transport.Entry{})
}

package natsnet

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/waterspout/waterspout/transport"
)

// Headers of a bucket's messages. The first is ours: which write this is, so that
// one whose answer was lost is known again.
const (
	writeHeader    = "Waterspout-Write"
	deletedHeader  = "KV-Operation"       // set by who deletes a key
	vanishedHeader = "Nats-Marker-Reason" // set by the server
)

// marker is how long the bucket remembers that a key was deleted. A watch that was
// away for longer finds that the key is not there.
const marker = time.Hour

// A store is a key-value bucket: a stream that keeps the last message per subject.
// It does without the library's KeyValue, whose reads may be stale (direct get) and
// whose watches do not survive the loss of the bucket.
type store struct {
	conn    *conn
	name    string // of the stream
	prefix  string // of the subjects of keys
	refused outage

	mu   sync.Mutex       // guards below
	open jetstream.Stream // nil if it has to be looked up, or made
}

// Store implements transport.Conn.
func (c *conn) Store(ctx context.Context, name string) (transport.Store, error) {
	if err := transport.CheckName(name); err != nil {
		return nil, err
	}
	bucket := c.net.bucket(name)
	s := &store{conn: c, name: "KV_" + bucket, prefix: "$KV." + bucket + "."}
	s.refused = outage{log: c.outage.log.With("store", name), back: "the store answers"}
	err := s.do(ctx, func(context.Context, jetstream.Stream) error { return nil })
	if err != nil {
		return nil, err
	}
	return s, nil
}

// escape marks the hyphens of a prefix, so that the first one without a mark ends it.
// Names of buckets have letters, digits, hyphens and underscores, as ours have.
var escape = strings.NewReplacer("-", "_-", "_", "__")

// bucket is the name of a store's bucket, another one for every prefix and name.
func (n Net) bucket(name string) string { return escape.Replace(n.Prefix) + "-" + name }

// do is retry for calls of the store's user, which say together that it is away.
func (s *store) do(ctx context.Context, f func(context.Context, jetstream.Stream) error) error {
	err := s.retry(ctx, &s.refused, f)
	if err == nil || errors.Is(err, transport.ErrConflict) {
		s.refused.over()
	}
	return err
}

// retry calls f with the bucket, which it makes if it is not there, until f returns
// nil or what trying again cannot cure. It tells o if f fails again and again.
func (s *store) retry(ctx context.Context, o *outage, f func(context.Context, jetstream.Stream) error) error {
	for attempt := 1; ; attempt++ {
		if err := s.conn.over(ctx); err != nil {
			return err
		}
		var open jetstream.Stream
		err := s.conn.try(ctx, func(ctx context.Context) (err error) {
			if open, err = s.stream(ctx); err == nil {
				err = f(ctx, open)
			}
			return err
		})
		if err == nil || errors.Is(err, transport.ErrConflict) {
			return err
		}
		if over := s.conn.over(ctx); over != nil {
			return over
		}
		if final(err) {
			return fmt.Errorf("natsnet: stream %s: %w", s.name, err)
		}
		s.forget(open)
		if attempt > 3 { // one or two are a bucket that was lost
			o.failed("the store does not answer: trying again", err)
		}
		if err := s.conn.pause(ctx, backoff(attempt)/4); err != nil {
			return err
		}
	}
}

// What servers say of replicas, for which the library has no names.
const (
	errCodeNoPeers    jetstream.ErrorCode = 10005 // some may be away
	errCodeNoReplicas jetstream.ErrorCode = 10074 // the server is alone
)

// final reports whether the server has understood and said no.
func final(err error) bool {
	api, ok := errors.AsType[*jetstream.APIError](err)
	if !ok {
		return errors.Is(err, nats.ErrMaxPayload)
	}
	switch api.ErrorCode {
	case errCodeNoReplicas:
		return true
	case errCodeNoPeers, jetstream.JSErrCodeStreamNotFound:
		return false
	}
	return api.Code < 500
}

// current is the bucket's stream, nil if it has to be looked up.
func (s *store) current() jetstream.Stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

// stream is the bucket's stream, looked up or made.
func (s *store) stream(ctx context.Context) (jetstream.Stream, error) {
	if open := s.current(); open != nil {
		return open, nil
	}
	open, err := s.conn.js().Stream(ctx, s.name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		open, err = s.conn.js().CreateStream(ctx, s.config())
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // by another worker, now
			open, err = s.conn.js().Stream(ctx, s.name)
		}
	}
	if err != nil {
		return nil, err
	}
	// Made by hand, or when there were fewer servers.
	if conf := open.CachedInfo().Config; conf.AllowDirect || conf.Replicas < s.conn.net.Replicas {
		conf.AllowDirect, conf.MirrorDirect = false, false
		conf.Replicas = max(conf.Replicas, s.conn.net.Replicas)
		if open, err = s.conn.js().UpdateStream(ctx, conf); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = open
	return open, nil
}

// config is that of a key-value bucket, so that the nats command reads it.
func (s *store) config() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: s.name, Subjects: []string{s.prefix + ">"},
		Storage: jetstream.FileStorage, MaxMsgsPerSubject: 1,
		Replicas: s.conn.net.Replicas,
		Discard:  jetstream.DiscardNew, DenyDelete: true, AllowRollup: true,
		AllowMsgTTL: true,
		// Whoever reads must see what it wrote: the leader answers.
		AllowDirect: false,
		// A bucket that is made again goes on above the revisions of the one
		// that was lost, so that none of these fits by chance.
		FirstSeq: uint64(time.Now().UnixMicro()),
	}
}

// forget makes the next call look the bucket up, if it is still open.
func (s *store) forget(open jetstream.Stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == open {
		s.open = nil
	}
}

// last is the message that says what key is now, nil if there never was one.
func (s *store) last(ctx context.Context, open jetstream.Stream, key string) (*jetstream.RawStreamMsg, error) {
	m, err := open.GetLastMsgForSubject(ctx, s.prefix+key)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	return m, err
}

func deleted(h nats.Header) bool {
	return h.Get(deletedHeader) != "" || h.Get(vanishedHeader) != ""
}

// Get implements transport.Store.
func (s *store) Get(ctx context.Context, key string) (e transport.Entry, err error) {
	if err := transport.CheckKey(key); err != nil {
		return e, err
	}
	err = s.do(ctx, func(ctx context.Context, open jetstream.Stream) error {
		e = transport.Entry{Key: key}
		m, err := s.last(ctx, open, key)
		if m != nil && !deleted(m.Header) {
			e.Value, e.Revision = value(m.Data), m.Sequence
		}
		return err
	})
	return e, err
}

// value is data, which is not nil: an entry that is there has one.
func value(data []byte) []byte {
	if data == nil {
		return []byte{}
	}
	return data
}

// Put implements transport.Store.
func (s *store) Put(ctx context.Context, key string, value []byte, revision uint64) (now uint64, err error) {
	m := &nats.Msg{Header: nats.Header{}, Data: value}
	return s.write(ctx, key, m, revision)
}

// Delete implements transport.Store.
func (s *store) Delete(ctx context.Context, key string, revision uint64) error {
	if revision == 0 { // there is nothing to delete, or there must not be
		e, err := s.Get(ctx, key)
		if err == nil && e.Revision > 0 {
			err = transport.ErrConflict
		}
		return err
	}
	m := &nats.Msg{Header: nats.Header{deletedHeader: {"DEL"}}}
	_, err := s.write(ctx, key, m, revision)
	return err
}

// write stores m under key if that is at revision.
func (s *store) write(ctx context.Context, key string, m *nats.Msg, revision uint64) (now uint64, err error) {
	if err := transport.CheckKey(key); err != nil {
		return 0, err
	}
	m.Subject = s.prefix + key
	id := nuid.Next()
	m.Header.Set(writeHeader, id)
	err = s.do(ctx, func(ctx context.Context, open jetstream.Stream) (err error) {
		now, err = s.publish(ctx, open, m, revision)
		if !conflict(err) {
			return err
		}
		last, err := s.last(ctx, open, key)
		switch {
		case err != nil:
			return err
		case last == nil:
			return transport.ErrConflict
		case last.Header.Get(writeHeader) == id: // an attempt of which no answer came
			now = last.Sequence
			return nil
		case revision > 0 || !deleted(last.Header):
			return transport.ErrConflict
		}
		now, err = s.publish(ctx, open, m, last.Sequence)
		if conflict(err) {
			return transport.ErrConflict
		}
		return err
	})
	return now, err
}

func (s *store) publish(ctx context.Context, open jetstream.Stream, m *nats.Msg, revision uint64) (uint64, error) {
	opts := []jetstream.PublishOpt{
		jetstream.WithExpectStream(s.name),
		jetstream.WithExpectLastSequencePerSubject(revision),
		jetstream.WithRetryAttempts(0),
	}
	if deleted(m.Header) && open.CachedInfo().Config.AllowMsgTTL {
		opts = append(opts, jetstream.WithMsgTTL(marker))
	}
	ack, err := s.conn.js().PublishMsg(ctx, m, opts...)
	if err != nil {
		return 0, err
	}
	return ack.Sequence, nil
}

// conflict reports whether the key was at another revision.
func conflict(err error) bool {
	api, ok := errors.AsType[*jetstream.APIError](err)
	return ok && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence ||
		api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}

package natsnet

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/waterspout/waterspout/transport"
)

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

func (r *rig) conn(worker string) *conn {
	r.t.Helper()
	c, err := r.Open(r.t.Context(), "c", worker)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	return c.(*conn)
}

func (r *rig) store(c *conn) *store {
	r.t.Helper()
	s, err := c.Store(r.t.Context(), "s")
	if err != nil {
		r.t.Fatal(err)
	}
	return s.(*store)
}

// flood sends to a net that takes nothing, until Send returns what is not nil.
func flood(ctx context.Context, c *conn, sent *atomic.Int64) <-chan error {
	result := make(chan error, 1)
	go func() {
		frame := make([]byte, 512<<10)
		for {
			if err := c.Send(ctx, "b", transport.Data, frame); err != nil {
				result <- err
				return
			}
			sent.Add(1)
		}
	}()
	return result
}

// TestHalfOpen: a server that takes nothing any more, and does not say so. Send is in
// a write that knows no context, until pings find it out.
func TestHalfOpen(t *testing.T) {
	r := newRig(t)
	c := r.conn("a")
	r.Cut("a")
	begun := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := <-flood(ctx, c, new(atomic.Int64)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Send returned %v", err)
	}
	// A write that blocks for 2 pings, perhaps a second one, and 3 pings of silence.
	if took, most := time.Since(begun), 10*r.ping; took > most {
		t.Errorf("Send took %s, more than %s", took, most)
	}
	r.Heal("a")
	ctx, cancel = context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := c.Send(ctx, "a", transport.Control, []byte("x")); err != nil {
		t.Fatal(err)
	}
}

// TestCloseInWrite: Close does not wait for pings to release a write.
func TestCloseInWrite(t *testing.T) {
	r := newRig(t)
	r.ping = time.Hour
	c := r.conn("a")
	r.Cut("a")
	var sent atomic.Int64
	result := flood(t.Context(), c, &sent)
	tick := time.Tick(50 * time.Millisecond)
	for before := int64(-1); before != sent.Load(); <-tick { // until the write blocks
		before = sent.Load()
	}
	begun := time.Now()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took > 5*stuck {
		t.Errorf("Close took %s", took)
	}
	if err := <-result; !errors.Is(err, transport.ErrClosed) {
		t.Errorf("Send returned %v", err)
	}
}

// TestLostAnswer: a write whose answer was lost was made, and is not a conflict.
func TestLostAnswer(t *testing.T) {
	r := newRig(t)
	r.ping = 100 * time.Millisecond
	a, b := r.conn("a"), r.conn("b")
	mine, other := r.store(a), r.store(b)
	entries, err := other.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	revision := uint64(0)
	for _, value := range []string{"1", "2", ""} {
		_, lost := a.wires[stores].state.get()
		r.proxy("a").mute(true)
		result := make(chan error, 1)
		go func() {
			var err error
			if value == "" {
				err = mine.Delete(t.Context(), "k", revision)
			} else {
				revision, err = mine.Put(t.Context(), "k", []byte(value), revision)
			}
			result <- err
		}()
		for e := range entries { // it was made
			if e.Key == "k" {
				break
			}
		}
		<-lost.Done()
		r.proxy("a").mute(false)
		if err := <-result; err != nil {
			t.Fatalf("writing %q: %v", value, err)
		}
		e, err := other.Get(t.Context(), "k")
		if err != nil || value != "" && e.Revision != revision || string(e.Value) != value {
			t.Fatalf("%q at %d, not %q at %d: %v", e.Value, e.Revision, value, revision, err)
		}
	}
}

// TestBucketDeleted: somebody removes the bucket of a running net. Watches see the
// keys go, revisions of before do not fit, and all goes on.
func TestBucketDeleted(t *testing.T) {
	r := newRig(t)
	a, b := r.conn("a"), r.conn("b")
	s, other := r.store(a), r.store(b)
	one, err := s.Put(t.Context(), "k", []byte("1"), 0)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := other.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	next := func() transport.Entry {
		t.Helper()
		select {
		case e := <-entries:
			return e
		case <-time.After(patience):
			t.Fatal("the watch is silent")
			return transport.Entry{}
		}
	}
	if e, end := next(), next(); string(e.Value) != "1" || end.Key != "" {
		t.Fatalf("%v, %v", e, end)
	}
	if err := a.js().DeleteStream(t.Context(), s.name); err != nil {
		t.Fatal(err)
	}
	if e, end := next(), next(); e.Key != "k" || e.Value != nil || end.Key != "" {
		t.Errorf("%v, %v", e, end)
	}
	if _, err := s.Put(t.Context(), "k", []byte("2"), one); !errors.Is(err, transport.ErrConflict) {
		t.Errorf("Put at a revision of before: %v", err)
	}
	two, err := s.Put(t.Context(), "k", []byte("2"), 0)
	if err != nil || two <= one {
		t.Errorf("revision %d after %d, %v", two, one, err)
	}
	if e := next(); string(e.Value) != "2" {
		t.Errorf("%v", e)
	}
}

// TestBucketByHand: one that was made with the nats command, with direct get and
// without time to live of messages, is used as it is but for direct get.
func TestBucketByHand(t *testing.T) {
	r := newRig(t)
	a := r.conn("a")
	if _, err := a.js().CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "waterspout-s", Description: "by hand"}); err != nil {
		t.Fatal(err)
	}
	s := r.store(a)
	kv, err := a.js().KeyValue(t.Context(), "waterspout-s")
	if err != nil {
		t.Fatal(err)
	}
	one, err := s.Put(t.Context(), "k", []byte("1"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if e, err := kv.Get(t.Context(), "k"); err != nil || string(e.Value()) != "1" || e.Revision() != one {
		t.Errorf("the library reads %v, %v", e, err)
	}
	if err := s.Delete(t.Context(), "k", one); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), "k", []byte("2"), 0); err != nil {
		t.Fatal(err)
	}
	if err := kv.Purge(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), "k", []byte("3"), 0); err != nil {
		t.Errorf("after a purge: %v", err)
	}
	open, err := a.js().Stream(t.Context(), s.name)
	if conf := open.CachedInfo().Config; err != nil || conf.AllowDirect || conf.Description != "by hand" {
		t.Errorf("%+v, %v", conf, err)
	}
}

// TestMarkerEnds: the mark of a deleted key is not kept for ever, since every worker
// that ever was had one.
func TestMarkerEnds(t *testing.T) {
	r := newRig(t)
	a := r.conn("a")
	s := r.store(a)
	one, err := s.Put(t.Context(), "k", []byte("1"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), "k", one); err != nil {
		t.Fatal(err)
	}
	open, err := s.stream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.last(t.Context(), open, "k")
	if err != nil || m == nil || !deleted(m.Header) || m.Header.Get(jetstream.MsgTTLHeader) != marker.String() {
		t.Errorf("%+v, %v", m, err)
	}
}

// TestStranger: what another client of the server sends to a worker is handed on, to be
// rejected and counted, but for parts of a frame that never becomes whole.
func TestStranger(t *testing.T) {
	r := newRig(t)
	c := r.conn("a")
	nc, err := nats.Connect(r.server.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	subject := c.subject("a", transport.Data)
	for n, header := range []nats.Header{{"X": {"y"}}, {partHeader: {""}}, {partHeader: {"s 1 1 2"}}, {partHeader: {"s 1 0 999"}}} {
		if err := nc.PublishMsg(&nats.Msg{Subject: subject, Header: header, Data: fmt.Append(nil, n)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := nc.Publish(subject, []byte("plain")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, want := range []string{"0", "1", "plain"} {
		if f, err := c.Recv(ctx, transport.Data); err != nil || string(f) != want {
			t.Errorf("%q, %v, in the place of %q", f, err, want)
		}
	}
}

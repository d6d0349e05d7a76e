package inproc

import (
	"context"
	"maps"
	"slices"

	"github.com/waterspout/waterspout/transport"
)

// A shelf is what is in a store, until it is wiped. Net.mu guards it.
type shelf struct {
	entries  map[string]transport.Entry // of deleted keys too, with a nil Value
	revision uint64
	changed  chan struct{} // closed and replaced by a change, closed for ever by Wipe
}

func newShelf() *shelf {
	return &shelf{entries: map[string]transport.Entry{}, changed: make(chan struct{})}
}

// write sets key to value if it is at revision.
func (s *shelf) write(key string, value []byte, revision uint64) (uint64, error) {
	if s.current(key).Revision != revision {
		return 0, transport.ErrConflict
	}
	if value == nil && revision == 0 {
		return 0, nil // what is not there is deleted
	}
	s.revision++
	s.entries[key] = transport.Entry{Key: key, Value: value, Revision: s.revision}
	close(s.changed)
	s.changed = make(chan struct{})
	return s.revision, nil
}

// current is the entry of key, with revision 0 if there is none.
func (s *shelf) current(key string) transport.Entry {
	if e := s.entries[key]; e.Value != nil {
		return e
	}
	return transport.Entry{Key: key}
}

// A store is a conn's view of a shelf.
type store struct {
	conn *conn
	name string
}

// shelfLocked is the shelf of this name, which it makes if it does not exist.
func (s *store) shelfLocked() *shelf {
	n := s.conn.net
	if n.stores[s.name] == nil {
		n.stores[s.name] = newShelf()
	}
	return n.stores[s.name]
}

// call runs f on the shelf as soon as the net is there.
func (s *store) call(ctx context.Context, key string, f func(*shelf) error) error {
	if err := transport.CheckKey(key); err != nil {
		return err
	}
	if _, err := s.conn.await(ctx); err != nil {
		return err
	}
	s.conn.net.mu.Lock()
	defer s.conn.net.mu.Unlock()
	return f(s.shelfLocked())
}

// Get implements transport.Store.
func (s *store) Get(ctx context.Context, key string) (e transport.Entry, err error) {
	err = s.call(ctx, key, func(sh *shelf) error {
		if e = sh.current(key); e.Value != nil {
			e.Value = clone(e.Value)
		}
		return nil
	})
	return e, err
}

// Put implements transport.Store.
func (s *store) Put(ctx context.Context, key string, value []byte, revision uint64) (now uint64, err error) {
	err = s.call(ctx, key, func(sh *shelf) error {
		now, err = sh.write(key, clone(value), revision)
		return err
	})
	return now, err
}

// Delete implements transport.Store.
func (s *store) Delete(ctx context.Context, key string, revision uint64) error {
	return s.call(ctx, key, func(sh *shelf) error {
		_, err := sh.write(key, nil, revision)
		return err
	})
}

// Watch implements transport.Store.
func (s *store) Watch(ctx context.Context) (<-chan transport.Entry, error) {
	if _, err := s.conn.await(ctx); err != nil {
		return nil, err
	}
	n := s.conn.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := s.conn.over(ctx); err != nil { // Close must not have begun to wait
		return nil, err
	}
	w := &watch{store: s, to: make(chan transport.Entry), sent: map[string]uint64{}}
	s.conn.watches.Go(func() { w.run(ctx) })
	return w.to, nil
}

// A watch is one call of Watch. Its goroutine is its conn's.
type watch struct {
	store *store
	to    chan transport.Entry
	from  *shelf            // the one read last
	sent  map[string]uint64 // revisions of the keys that were sent and not deleted
}

func (w *watch) run(ctx context.Context) {
	defer close(w.to)
	for {
		waited, err := w.store.conn.await(ctx)
		if err != nil {
			return
		}
		news, changed, interrupted := w.read(waited)
		for _, e := range news {
			select {
			case w.to <- e:
			case <-ctx.Done():
				return
			case <-w.store.conn.closed:
				return
			}
		}
		select {
		case <-changed:
		case <-interrupted:
		case <-ctx.Done():
			return
		case <-w.store.conn.closed:
			return
		}
	}
}

// read returns what is to be sent: everything and an empty entry at the beginning,
// when the net was away or the store was wiped, else what has changed.
func (w *watch) read(again bool) (news []transport.Entry, changed, interrupted <-chan struct{}) {
	n := w.store.conn.net
	n.mu.Lock()
	defer n.mu.Unlock()
	s := w.store.shelfLocked()
	again = again || s != w.from
	for _, key := range slices.Sorted(maps.Keys(w.sent)) {
		if e, known := s.entries[key]; !known || e.Value == nil {
			delete(w.sent, key)
			news = append(news, transport.Entry{Key: key})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(s.entries)) {
		e := s.entries[key]
		if e.Value == nil || !again && w.sent[key] == e.Revision {
			continue
		}
		w.sent[key] = e.Revision
		e.Value = clone(e.Value)
		news = append(news, e)
	}
	if again {
		news = append(news, transport.Entry{})
	}
	w.from = s
	return news, s.changed, n.changed
}

// clone copies b, to what is not nil.
func clone(b []byte) []byte { return append([]byte{}, b...) }

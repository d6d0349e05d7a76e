package simulation

import (
	"cmp"
	"errors"
	"maps"
	"slices"

	"github.com/waterspout/waterspout/transport"
)

var errAway = errors.New("the store does not answer")

// A store keeps what transport.Store keeps. It may be away, slow and wiped; its
// answers may be lost.
type store struct {
	sim      *simulation
	life     int // of the entries: a wipe begins another
	entries  map[string]transport.Entry
	revision uint64
	away     int64 // until when
	watches  []*watch
}

func newStore(s *simulation) *store { return &store{sim: s, entries: map[string]transport.Entry{}} }

func (st *store) get(key string) transport.Entry {
	if e := st.entries[key]; e.Value != nil {
		return e
	}
	return transport.Entry{Key: key}
}

// put writes a value, or deletes the key if that is nil.
func (st *store) put(key string, value []byte, revision uint64) (uint64, error) {
	if st.get(key).Revision != revision {
		return 0, transport.ErrConflict
	}
	st.revision++
	st.entries[key] = transport.Entry{Key: key, Value: value, Revision: st.revision}
	for _, w := range st.watches {
		w.soon()
	}
	return st.revision, nil
}

func (st *store) wipe() {
	st.sim.tracef("the store is wiped")
	st.life++
	st.entries, st.revision = map[string]transport.Entry{}, 0
	for _, w := range st.watches {
		w.soon()
	}
}

// reached reports whether the store and a process hear each other.
func (st *store) reached(p *process) bool {
	now := st.sim.now
	return st.away <= now && p.line.storeless <= now
}

// call has op done at the store, and waits for the answer until the deadline. It may
// be done although there is none, and later.
func (st *store) call(f *fiber, deadline int64, op func() error) error {
	s, p := st.sim, f.process
	answer, answered := error(nil), false
	d := milli + s.rng.Int64N(4*milli)
	if s.strike(s.plan.lateCall) {
		d = s.rng.Int64N(3 * second)
	}
	if p.line.mute <= s.now && p.line.storeless <= s.now {
		s.after(d, func() {
			if !st.reached(p) {
				return
			}
			err := op()
			if p.line.deaf > s.now || s.strike(s.plan.lostAnswer) {
				return
			}
			p.after(milli+s.rng.Int64N(4*milli), func() {
				answer, answered = err, true
				f.wake()
			})
		})
	}
	for !answered && s.now < deadline {
		f.wait(deadline)
	}
	if !answered {
		return errAway
	}
	return answer
}

// A watch tells a member what is in the store, late, and of several changes of a key
// the last.
type watch struct {
	store   *store
	process *process
	life    int
	sent    map[string]uint64
	begun   bool
	polling bool
	closed  bool
	to      func(transport.Entry)
}

func (st *store) watch(p *process, to func(transport.Entry)) *watch {
	w := &watch{store: st, process: p, life: st.life, sent: map[string]uint64{}, to: to}
	st.watches = append(st.watches, w)
	w.soon()
	return w
}

func (w *watch) close() {
	w.closed = true
	w.store.watches = slices.DeleteFunc(w.store.watches, func(v *watch) bool { return v == w })
}

func (w *watch) soon() {
	if w.polling {
		return
	}
	w.polling = true
	s := w.store.sim
	d := milli + s.rng.Int64N(10*milli)
	if w.process.line.lagging > s.now {
		d += s.rng.Int64N(2 * second)
	}
	if s.strike(s.plan.lateNews) {
		d += s.rng.Int64N(second / 2)
	}
	s.after(d, w.poll)
}

// poll reads at the store what changed, and sends it.
func (w *watch) poll() {
	w.polling = false
	s, p := w.store.sim, w.process
	if w.closed || !p.alive {
		w.close()
		return
	}
	if !w.store.reached(p) || p.line.deaf > s.now || p.line.mute > s.now {
		w.polling = true
		s.after(100*milli+s.rng.Int64N(100*milli), w.poll)
		return
	}
	for _, e := range w.read() {
		p.after(0, func() {
			if !w.closed {
				w.to(e)
			}
		})
	}
}

func (w *watch) read() (news []transport.Entry) {
	st := w.store
	again := !w.begun || w.life != st.life
	for _, key := range slices.Sorted(maps.Keys(w.sent)) {
		if st.entries[key].Value == nil {
			delete(w.sent, key)
			news = append(news, transport.Entry{Key: key})
		}
	}
	for _, e := range st.entries {
		if e.Value != nil && (again || w.sent[e.Key] != e.Revision) {
			w.sent[e.Key] = e.Revision
			news = append(news, e)
		}
	}
	slices.SortFunc(news, func(a, b transport.Entry) int {
		return cmp.Or(cmp.Compare(a.Revision, b.Revision), cmp.Compare(a.Key, b.Key))
	})
	if again {
		news = append(news, transport.Entry{})
	}
	w.begun, w.life = true, st.life
	return news
}

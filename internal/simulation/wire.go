package simulation

import (
	"slices"
	"strings"

	"github.com/waterspout/waterspout/internal/frame"
	"github.com/waterspout/waterspout/transport"
)

// A line is what may be wrong with a process's connection, until a time.
type line struct {
	deaf, mute, storeless, lagging int64
	generation                     int // a new one loses what is on its way
}

// A wire is the net for frames between processes.
type wire struct {
	sim   *simulation
	paths map[path]*trail
}

type path struct {
	from, to string
	lane     transport.Lane
}

// A trail is the state of one lane of one direction.
type trail struct {
	last           int64 // arrival of the newest frame: they come in order
	cut, slow, jam int64 // until when
}

func (w *wire) trail(p path) *trail {
	t := w.paths[p]
	if t == nil {
		t = &trail{}
		w.paths[p] = t
	}
	return t
}

// send sends a copy of a frame.
func (w *wire) send(from *process, to string, lane transport.Lane, f []byte) {
	s := w.sim
	target := s.process(to[:strings.LastIndexByte(to, '-')])
	if target == nil || from.line.mute > s.now {
		return
	}
	t := w.trail(path{from.name, target.name, lane})
	if t.cut > s.now || s.strike(s.plan.drop) {
		return
	}
	f = slices.Clone(f)
	if s.strike(s.plan.corrupt) {
		corrupt(s, f)
	}
	deliver := func() {
		if target.session != nil && target.session.id == to {
			target.session.receive(f)
		}
	}
	w.carry(from, target, t, deliver)
	if s.strike(s.plan.double) {
		w.carry(from, target, t, deliver)
	}
}

// carry delivers a frame, mostly in order.
func (w *wire) carry(from, to *process, t *trail, deliver func()) {
	s := w.sim
	d := 100_000 + s.rng.Int64N(3*milli)
	if t.slow > s.now {
		d += s.rng.Int64N(second / 2)
	}
	at := max(s.now+d, t.last, t.jam)
	if s.strike(s.plan.reorder) {
		at += s.rng.Int64N(2 * second)
	} else {
		t.last = at
	}
	here, there := from.line.generation, to.line.generation
	s.after(at-s.now, func() {
		cut := from.line.generation != here || to.line.generation != there || to.line.deaf > s.now
		if !cut {
			to.after(0, deliver)
		}
	})
}

// corrupt changes one bit of a frame, or cuts its end off.
func corrupt(s *simulation, f []byte) {
	if s.rng.IntN(8) == 0 {
		clear(f[s.rng.IntN(len(f)):])
		return
	}
	f[s.rng.IntN(len(f))] ^= 1 << s.rng.IntN(8)
}

// receive takes in a frame of any kind.
func (s *session) receive(f []byte) {
	m := s.mesh
	hd, from, body, err := frame.Open(f)
	if err != nil || hd.Nonce != m.nonce {
		return
	}
	if peer := m.peer(string(from)); peer != nil {
		peer.receive(hd, body)
		m.report()
	}
}

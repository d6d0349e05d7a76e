package engine

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/waterspout/waterspout/internal/frame"
	"github.com/waterspout/waterspout/internal/mailbox"
	"github.com/waterspout/waterspout/internal/mesh"
	"github.com/waterspout/waterspout/tuple"
)

// An inlet is one input of a bolt task: the batch that the task works on, and
// the box where the next one gathers.
type inlet[I any] interface {
	box() box
	// sink is the box for senders here, a *mailbox.Box[tuple.Tuple[T]].
	sink() any
	// deliver takes tuples from another worker, without blocking, and reports
	// false if the inlet is closed.
	deliver(p mesh.Parcel) bool
	// take makes what is queued the batch, and returns its length.
	take() int
	// each gives the next tuples of the batch to exec, at most limit, and
	// reports whether the batch has more. It moves on before it calls exec,
	// so that after a panic it goes on behind the culprit. The pointers are
	// good until exec returns.
	each(limit int, exec func(*I, *tuple.Lineage)) bool
	// rest calls f with the roots of all that was not executed: the rest of the
	// batch, and what is queued.
	rest(f func(tuple.Root))
	// current is the lineage of the tuple that each handed on last.
	current() *tuple.Lineage
}

// A box is a mailbox.Box with its type erased.
type box interface {
	Ready() bool
	Closed() bool
	Close()
	Queued() int
	Load() int
	Idle()
}

// A queue is the inlet of one stream. Between workers it has a second box, of
// parcels, which the task itself unpacks.
type queue[T any] struct {
	*mailbox.Box[tuple.Tuple[T]]
	abroad *abroad[T] // nil in a run of one process
	both   *double    // the same
	batch  []tuple.Tuple[T]
	next   int
}

// newQueue makes the inlet of a task that reads out.
func newQueue[T any](c *boltCore, out *Output[T]) (inlet[T], error) {
	q := &queue[T]{Box: mailbox.New[tuple.Tuple[T]](inboxCapacity, c.park)}
	if !c.run.opts.Abroad {
		return q, nil
	}
	carrier, err := out.carrier()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", out.node.Name, err)
	}
	q.abroad = &abroad[T]{Box: mailbox.New[mesh.Parcel](0, c.park), codec: packingOf(carrier), comp: c.comp, fail: c.undecoded}
	q.both = &double{q.Box, q.abroad.Box, &q.abroad.tuples}
	return q, nil
}

func (q *queue[T]) sink() any { return q.Box }

func (q *queue[T]) box() box {
	if q.both != nil {
		return q.both
	}
	return q.Box
}

func (q *queue[T]) deliver(p mesh.Parcel) bool {
	return q.abroad != nil && q.abroad.put(p)
}

func (q *queue[T]) take() int {
	q.batch = q.Box.Take(q.batch)
	q.next = 0
	if q.abroad != nil {
		q.batch = q.abroad.unpack(q.batch)
	}
	return len(q.batch)
}

func (q *queue[T]) rest(f func(tuple.Root)) {
	for {
		for q.next < len(q.batch) {
			roots(&q.batch[q.next].Lineage, f)
			q.next++
		}
		if q.take() == 0 {
			return
		}
	}
}

func (q *queue[T]) each(limit int, exec func(*T, *tuple.Lineage)) bool {
	end := min(q.next+limit, len(q.batch))
	for q.next < end {
		t := &q.batch[q.next]
		q.next++
		exec(&t.Value, &t.Lineage)
	}
	return q.next < len(q.batch)
}

func (q *queue[T]) current() *tuple.Lineage { return &q.batch[q.next-1].Lineage }

// mapped applies f in the reading task, on its way from the box to the bolt.
type mapped[T, U any] struct {
	inlet[T]
	f    func(T) U
	v    U // scratch, so that exec's pointer does not cost an allocation
	exec func(*U, *tuple.Lineage)
	step func(*T, *tuple.Lineage)
}

func (m *mapped[T, U]) each(limit int, exec func(*U, *tuple.Lineage)) bool {
	m.exec = exec
	if m.step == nil {
		m.step = func(v *T, lin *tuple.Lineage) {
			m.v = m.f(*v)
			m.exec(&m.v, lin)
		}
	}
	return m.inlet.each(limit, m.step)
}

// An abroad is where tuples from other workers gather, encoded. Its capacity is
// the credit that the mesh grants (C3), so putting never blocks.
type abroad[T any] struct {
	*mailbox.Box[mesh.Parcel]
	codec  packing[T]
	comp   *component // whose task it is
	fail   func(lin *tuple.Lineage, err error)
	tuples atomic.Int64 // queued
	mail   []mesh.Parcel
	prev   *T     // the value decoded last of a parcel
	spare  []byte // the codec's
}

func (a *abroad[T]) put(p mesh.Parcel) bool {
	a.tuples.Add(int64(p.Count)) // before they can be taken
	if !a.Put([]mesh.Parcel{p}) {
		a.tuples.Add(-int64(p.Count))
		return false
	}
	return true
}

// unpack appends the tuples of all parcels to batch.
func (a *abroad[T]) unpack(batch []tuple.Tuple[T]) []tuple.Tuple[T] {
	if a.Queued() == 0 {
		return batch
	}
	a.mail = a.Take(a.mail)
	for _, p := range a.mail {
		r := frame.NewTuples(p.Body)
		for more := true; more; {
			batch, more = a.decode(batch, &r)
		}
		a.prev = nil
		if err := r.Err(); err != nil {
			a.fail(&tuple.Lineage{}, err)
		}
		a.tuples.Add(-int64(p.Count))
		p.Done(a.comp.cost.Load())
	}
	return batch
}

// decode appends tuples of one parcel to batch, up to one whose codec panics. One
// defer serves them all.
func (a *abroad[T]) decode(batch []tuple.Tuple[T], r *frame.Tuples) (out []tuple.Tuple[T], more bool) {
	out = batch
	defer func() {
		if p := recover(); p != nil {
			a.fail(&out[len(out)-1].Lineage, fmt.Errorf("panicked: %v", p))
			out, more = out[:len(out)-1], true
		}
	}()
	for {
		lin, value, ok := r.Next()
		if !ok {
			return out, false
		}
		out = append(out, tuple.Tuple[T]{Lineage: lin})
		t := &out[len(out)-1]
		if err := a.codec.DecodeNext(value, &t.Value, a.prev, &a.spare); err != nil {
			a.fail(&t.Lineage, err) // not &lin, which would be an allocation per tuple
			out = out[:len(out)-1]
			if a.codec.Chained() {
				a.spoil(r)
			}
			continue
		}
		a.prev = &t.Value
	}
}

var errSpoilt = errors.New("the tuple before it could not be decoded")

// spoil fails all that is left in r, since it can only be told from what is before.
func (a *abroad[T]) spoil(r *frame.Tuples) {
	for {
		lin, _, ok := r.Next()
		if !ok {
			return
		}
		a.fail(&lin, errSpoilt)
	}
}

// undecoded fails the trees of a tuple from another worker whose bytes mean
// nothing.
func (c *boltCore) undecoded(lin *tuple.Lineage, err error) {
	c.info.Log.Error("tuple cannot be decoded", "error", err)
	c.run.failTrees(lin, tuple.Failure{Kind: tuple.Error, Component: c.info.Component, Text: "decoding: " + err.Error()})
}

// A double is the two boxes of an inlet as one.
type double struct {
	here   box
	abroad box
	tuples *atomic.Int64
}

func (d *double) Ready() bool  { return d.here.Ready() || d.abroad.Ready() }
func (d *double) Closed() bool { return d.here.Closed() && d.abroad.Closed() }
func (d *double) Load() int    { return d.here.Load() + d.abroad.Load() }
func (d *double) Queued() int  { return d.here.Queued() + int(d.tuples.Load()) }

// Idle implements box.
func (d *double) Idle() {
	d.here.Idle()
	d.abroad.Idle()
}

func (d *double) Close() {
	d.here.Close()
	d.abroad.Close()
}

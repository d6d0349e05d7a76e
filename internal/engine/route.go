package engine

import (
	"fmt"
	"math"

	"github.com/waterspout/waterspout/internal/frame"
	"github.com/waterspout/waterspout/internal/mailbox"
	"github.com/waterspout/waterspout/internal/mesh"
	"github.com/waterspout/waterspout/transport"
	"github.com/waterspout/waterspout/tuple"
)

// parcelSize is the size in bytes at which encoded tuples are handed to the mesh: with
// the heads that still come, a frame of them is full and no larger than others.
const parcelSize = frame.Target - 1<<10

// A route is the sink for a task that may be here or on another worker, and may
// move. It belongs to the task that sends.
type route[T any] struct {
	run   *Run
	place *place
	inlet int
	from  *component
	codec packing[T]

	at  *spot // what box is of
	box *mailbox.Box[tuple.Tuple[T]]
	section[T]
	next int // of the tuples being sent
}

// A section is one in the making.
type section[T any] struct {
	body  []byte
	count int
	roots []tuple.Root
	last  tuple.Root // what the next tuple's root is told from
	prev  *T         // the value before
}

// reset empties s and keeps its memory.
func (s *section[T]) reset() { *s = section[T]{body: s.body[:0], roots: s.roots[:0]} }

// look finds where the task is.
func (s *route[T]) look() *spot {
	now := s.place.now.Load()
	if now != s.at {
		s.at, s.box = now, nil
		if now.here != nil {
			s.box = now.here.inlet(s.inlet).(*mailbox.Box[tuple.Tuple[T]])
		}
	}
	return now
}

// Full implements sink.
func (s *route[T]) Full() bool {
	switch now := s.look(); {
	case s.box != nil:
		return s.box.Full()
	case now.away != nil:
		return now.away.Full()
	}
	return true
}

// Load implements sink. A task that is nowhere is the last to be chosen.
func (s *route[T]) Load() int {
	switch now := s.look(); {
	case s.box != nil:
		return s.box.Load()
	case now.away != nil:
		return now.away.Load()
	}
	return math.MaxInt32
}

// Put implements sink.
func (s *route[T]) Put(ts []tuple.Tuple[T]) bool {
	for len(ts) > 0 {
		now := s.look()
		if s.box != nil && s.box.Put(ts) {
			return true
		}
		if now.away != nil {
			ts = ts[s.send(now.away, ts, nil):]
		}
		if len(ts) > 0 && !s.place.wait(now) {
			s.give(ts, nil)
			return false
		}
	}
	return true
}

// Gather implements sink.
func (s *route[T]) Gather(ts []tuple.Tuple[T], order []int32) bool {
	for len(order) > 0 {
		now := s.look()
		if s.box != nil && s.box.Gather(ts, order) {
			return true
		}
		if now.away != nil {
			order = order[s.send(now.away, ts, order):]
		}
		if len(order) > 0 && !s.place.wait(now) {
			s.give(ts, order)
			return false
		}
	}
	return true
}

// send encodes those of ts that order names, or all, and hands them to the mesh.
// It returns how many it was rid of: fewer than all if the way was closed.
func (s *route[T]) send(to *mesh.Outlet, ts []tuple.Tuple[T], order []int32) (done int) {
	n := len(ts)
	if order != nil {
		n = len(order)
	}
	for done < n {
		s.next = done
		s.reset()
		for s.next < n && len(s.body) < parcelSize {
			s.pack(ts, order, n)
		}
		if s.count > 0 && !to.Send(mesh.Section{Inlet: s.inlet, Body: s.body, Count: s.count, Roots: s.roots}) {
			return done
		}
		s.from.abroad.Add(uint64(s.count))
		done = s.next
	}
	s.prev = nil
	return done
}

// pack adds tuples to the section, from next on: until it is large enough, all are
// in it, or one panics. One defer serves them all.
func (s *route[T]) pack(ts []tuple.Tuple[T], order []int32, n int) {
	var t *tuple.Tuple[T]
	start, roots := 0, 0
	defer func() {
		if p := recover(); p != nil {
			s.body, s.roots = s.body[:start], s.roots[:roots]
			s.refuse(t, fmt.Errorf("panicked: %v", p))
		}
	}()
	for s.next < n && len(s.body) < parcelSize {
		i := s.next
		if order != nil {
			i = int(order[i])
		}
		t, start, roots = &ts[i], len(s.body), len(s.roots)
		s.next++ // first: after a panic it goes on behind the culprit
		if err := s.append(t); err != nil {
			s.body, s.roots = s.body[:start], s.roots[:roots]
			s.refuse(t, err)
			continue
		}
		s.count++
	}
}

// append encodes one tuple.
func (s *route[T]) append(t *tuple.Tuple[T]) error {
	if t.Root != 0 {
		s.roots = append(s.roots, t.Root)
	}
	if t.More != nil {
		for _, l := range *t.More {
			s.roots = append(s.roots, l.Root)
		}
	}
	start := len(s.body)
	body, last := frame.AppendLineage(s.body, &t.Lineage, s.last)
	body, mark := frame.BeginValue(body)
	body, err := s.codec.AppendNext(body, &t.Value, s.prev)
	if err != nil {
		return err
	}
	if size := len(body) - start; size > transport.MaxFrame/2 {
		return fmt.Errorf("%d bytes are too large for one tuple", size)
	}
	s.body, s.last, s.prev = frame.EndValue(body, mark), last, &t.Value
	return nil
}

// refuse fails the trees of a tuple that cannot travel (E3, C5).
func (s *route[T]) refuse(t *tuple.Tuple[T], err error) {
	s.fail(t, tuple.Failure{Kind: tuple.Error, Component: s.from.node.Name, Text: fmt.Sprintf("codec of %s: %v", typeName[T](), err)})
}

// give gives up tuples, since the run has ended for whoever sends them.
func (s *route[T]) give(ts []tuple.Tuple[T], order []int32) {
	why := tuple.Failure{Kind: tuple.Lost, Component: s.from.node.Name, Text: "the worker stopped"}
	if order == nil {
		for i := range ts {
			s.fail(&ts[i], why)
		}
	}
	for _, i := range order {
		s.fail(&ts[i], why)
	}
}

func (s *route[T]) fail(t *tuple.Tuple[T], why tuple.Failure) {
	s.run.failTrees(&t.Lineage, why)
}

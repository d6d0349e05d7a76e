package engine

import (
	"fmt"

	"github.com/waterspout/waterspout/codec"
	"github.com/waterspout/waterspout/internal/mailbox"
	"github.com/waterspout/waterspout/tuple"
)

// wireRouters makes a router for each bolt that reads out.
func wireRouters[T any](run *Run, out *Output[T]) ([]*router[T], error) {
	var routers []*router[T]
	for _, e := range append(out.edges[:len(out.edges):len(out.edges)], tapped(run, out)...) {
		to := run.component(e.to)
		sinks, err := sinksOf(run, out, e, to)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", out.node.Name, err)
		}
		r := newRouter(e, to, sinks)
		if err := r.ask(); err != nil {
			return nil, fmt.Errorf("%s: the grouping to %s: %w", out.node.Name, e.to.Name, err)
		}
		routers = append(routers, r)
	}
	return routers, nil
}

// sinksOf are the ways to the tasks of component to.
func sinksOf[T any](run *Run, out *Output[T], e edge[T], to *component) (sinks []sink[T], err error) {
	var c codec.Codec[T]
	if run.opts.Wire || run.opts.Abroad {
		if c, err = out.carrier(); err != nil {
			return nil, err
		}
	}
	for _, p := range to.places {
		sinks = append(sinks, &route[T]{run: run, place: p, inlet: e.inlet, from: run.component(out.node), codec: packingOf(c)})
	}
	for _, t := range to.tasks {
		box := t.inlet(e.inlet).(*mailbox.Box[tuple.Tuple[T]])
		if run.opts.Wire {
			sinks = append(sinks, &carried[T]{Box: box, run: run, from: out.node.Name, codec: c})
			continue
		}
		sinks = append(sinks, box)
	}
	return sinks, nil
}

// carried is a sink that takes every value through its codec, as a link between
// workers does. It belongs to the task that sends.
type carried[T any] struct {
	*mailbox.Box[tuple.Tuple[T]]
	run   *Run
	from  string
	codec codec.Codec[T]
	bytes []byte
	out   []tuple.Tuple[T]
}

// Put implements sink.
func (s *carried[T]) Put(ts []tuple.Tuple[T]) bool {
	s.out = s.out[:0]
	for i := range ts {
		s.carry(&ts[i])
	}
	return s.Box.Put(s.out)
}

// Gather implements sink.
func (s *carried[T]) Gather(ts []tuple.Tuple[T], order []int32) bool {
	s.out = s.out[:0]
	for _, i := range order {
		s.carry(&ts[i])
	}
	return s.Box.Put(s.out)
}

// carry encodes and decodes one tuple. One that cannot be carried fails its
// trees (E3).
func (s *carried[T]) carry(t *tuple.Tuple[T]) {
	out := tuple.Tuple[T]{Lineage: t.Lineage}
	err := protect(func() (err error) {
		if s.bytes, err = s.codec.Append(s.bytes[:0], t.Value); err == nil {
			err = s.codec.Decode(s.bytes, &out.Value)
		}
		return err
	})
	if err == nil {
		s.out = append(s.out, out)
		return
	}
	why := tuple.Failure{Kind: tuple.Error, Component: s.from, Text: fmt.Sprintf("codec of %s: %v", typeName[T](), err)}
	s.run.failTrees(&t.Lineage, why)
}

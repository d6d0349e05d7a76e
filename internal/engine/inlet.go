package engine

import (
	"github.com/waterspout/waterspout/internal/mailbox"
	"github.com/waterspout/waterspout/tuple"
)

// An inlet is one input of a bolt task: the batch that the task works on, and
// the box where the next one gathers.
type inlet[I any] interface {
	box() box
	// take makes what is queued the batch, and returns its length.
	take() int
	// each gives the next tuples of the batch to exec, at most limit, and
	// reports whether the batch has more. It moves on before it calls exec,
	// so that after a panic it goes on behind the culprit. The pointers are
	// good until exec returns.
	each(limit int, exec func(*I, *tuple.Lineage)) bool
	// current is the lineage of the tuple that each handed on last.
	current() *tuple.Lineage
}

// A box is a mailbox.Box with its type erased.
type box interface {
	Ready() bool
	Closed() bool
	Close()
	Queued() int
	Idle()
}

type queue[T any] struct {
	*mailbox.Box[tuple.Tuple[T]]
	batch []tuple.Tuple[T]
	next  int
}

func (q *queue[T]) box() box { return q.Box }

func (q *queue[T]) take() int {
	q.batch = q.Box.Take(q.batch)
	q.next = 0
	return len(q.batch)
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

package mesh

import (
	"github.com/waterspout/waterspout/internal/frame"
	"github.com/waterspout/waterspout/internal/link"
	"github.com/waterspout/waterspout/tuple"
)

// keep is how large the memory of a load may be that is used again.
const keep = 4 << 20

// A load is sections that wait to be sent, already in their frames: there is room
// for a header wherever one begins, so that nothing is copied again.
type load struct {
	bytes  []byte
	frames []span
	roots  []tuple.Root
	tasks  []Address
}

// A span is where the parts of a frame end in a load; they begin where those of
// the one before end.
type span struct {
	bytes, roots, tasks int
	mark                bool
	sequence            uint64
}

func (l *load) reset() {
	if cap(l.bytes) > keep {
		*l = load{}
	}
	*l = load{l.bytes[:0], l.frames[:0], l.roots[:0], l.tasks[:0]}
}

// add appends a section, to the last frame if that has room for it.
func (l *load) add(self string, s frame.Section, roots []tuple.Root) {
	begun := 0
	if n := len(l.frames); n > 1 {
		begun = l.frames[n-2].bytes
	}
	if len(l.frames) == 0 || len(l.bytes)-begun+frame.SectionHead+len(s.Body) > frame.Target {
		l.bytes = frame.Begin(l.bytes, self)
		l.frames = append(l.frames, span{})
	}
	l.bytes = frame.AppendSection(l.bytes, s)
	l.roots = append(l.roots, roots...)
	if !s.Mark {
		l.tasks = append(l.tasks, s.To)
	}
	last := &l.frames[len(l.frames)-1]
	last.bytes, last.roots, last.tasks = len(l.bytes), len(l.roots), len(l.tasks)
	last.mark = last.mark || s.Mark
}

// sequence gives every frame its number.
func (l *load) sequence(s *link.Sender, now int64) {
	var from span
	for i := range l.frames {
		f := &l.frames[i]
		f.sequence = s.Next(now, link.Content{
			Roots: l.roots[from.roots:f.roots], Tasks: l.tasks[from.tasks:f.tasks], Mark: f.mark,
		})
		from = *f
	}
}

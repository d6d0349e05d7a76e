package assign

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// A Shape is the tasks of a topology by number: in the order in which their
// components were declared, then by index.
type Shape []Kind

// A Kind is what a task is.
type Kind struct {
	Spout     bool
	Component int // the same for all tasks of one component
	Index     int // of the task in its component
}

// A Placement is a worker and the instance of the task that runs there. Its zero
// value is nowhere. Instances start at 1, and none is used twice under one nonce:
// frames and acks are addressed to them (rule G1).
type Placement struct {
	Worker   string `json:"w,omitempty"`
	Instance uint32 `json:"i,omitempty"`
}

// A Slot is where a task runs.
type Slot struct {
	Placement
	// Moved is the Version of the document that placed it here.
	Moved uint64 `json:"m,omitempty"`
	// Prev is, of a spout task, its former instance on a worker that is still a
	// member, until that worker has applied Moved. Acks of its trees still go
	// there, and the new instance may not start before.
	Prev Placement `json:"p,omitzero"`
	// Done says that a spout task is exhausted and everything it emitted is
	// settled. It is never started again.
	Done bool `json:"d,omitempty"`
}

// A Document is the assignment: one value in the store, changed by the leader with
// compare-and-set. Its slices are shared between copies and never changed.
type Document struct {
	// Nonce is of this life of the cluster: nothing of another one is comparable
	// with it (rule G3). It is not 0.
	Nonce   uint64 `json:"nonce,string"`
	Version uint64 `json:"version"` // grows with each document
	Next    uint32 `json:"next"`    // the next instance
	Leader  string `json:"leader"`  // who wrote it
	// Lost is the Version with which a member was last lost: all trees that were
	// open then may have had tuples on it (rule L8).
	Lost uint64 `json:"lost,omitempty"`
	// Failed is the error that ended the topology, with the worker's id.
	Failed  string   `json:"failed,omitempty"`
	Drain   bool     `json:"drain,omitempty"`
	End     bool     `json:"end,omitempty"`
	Workers []string `json:"workers"` // in the order in which they joined
	Tasks   []Slot   `json:"tasks"`
}

// Instances is how many instances of tasks one life of a cluster can have: a root
// carries its spout task's in 24 bits (rule L5).
const Instances = 1 << 24

// Found is the empty document of a new life under nonce, for [Plan] to fill. Numbers
// go on from those of old, which may be the zero Document; instances start again when
// they are half used up.
func Found(old Document, nonce uint64) Document {
	next := max(old.Next, 1)
	if next > Instances/2 {
		next = 1
	}
	return Document{Nonce: nonce, Version: old.Version, Next: next}
}

// Names reports whether worker is a member in this document.
func (d Document) Names(worker string) bool { return slices.Contains(d.Workers, worker) }

// Runs reports whether worker may run the task now: it is placed there and, if it is
// a spout task, it is not done, its former instance has ended (A2), and nothing
// drains.
func (d Document) Runs(worker string, task int, kind Kind) bool {
	s := d.Tasks[task]
	if s.Worker != worker || worker == "" {
		return false
	}
	return !kind.Spout || !s.Done && s.Prev == Placement{} && !d.Drain && !d.End
}

// Encode is the document's form in the store, for [Decode] and for people.
func (d Document) Encode() []byte {
	b, err := json.Marshal(d)
	if err != nil {
		panic(err) // numbers, strings and flags
	}
	return b
}

// Decode reads a document that somebody else wrote. One that a leader could not have
// made for a topology of that many tasks is an error.
func Decode(b []byte, tasks int) (Document, error) {
	var d Document
	if err := json.Unmarshal(b, &d); err != nil {
		return Document{}, fmt.Errorf("assignment document: %w", err)
	}
	if err := d.check(tasks); err != nil {
		return Document{}, fmt.Errorf("assignment document: %w", err)
	}
	return d, nil
}

func (d Document) check(tasks int) error {
	switch {
	case d.Nonce == 0 || d.Version == 0:
		return errors.New("no nonce or no version")
	case d.Next == 0 || d.Next > Instances:
		return fmt.Errorf("next instance %d", d.Next)
	case len(d.Tasks) != tasks:
		return fmt.Errorf("%d tasks in place of %d", len(d.Tasks), tasks)
	}
	for i, w := range d.Workers {
		if w == "" || slices.Contains(d.Workers[:i], w) {
			return fmt.Errorf("worker %q is listed twice or has no name", w)
		}
	}
	for i, s := range d.Tasks {
		if err := d.checkSlot(s); err != nil {
			return fmt.Errorf("task %d: %w", i, err)
		}
	}
	return nil
}

func (d Document) checkSlot(s Slot) error {
	for _, p := range []Placement{s.Placement, s.Prev} {
		if p != (Placement{}) && (p.Instance == 0 || p.Instance >= d.Next || !d.Names(p.Worker)) {
			return fmt.Errorf("instance %d on worker %q", p.Instance, p.Worker)
		}
	}
	if s.Prev != (Placement{}) && (s.Done || s.Prev.Instance == s.Instance) {
		return errors.New("a former instance that cannot be")
	}
	if s.Moved > d.Version {
		return fmt.Errorf("moved in version %d, which is to come", s.Moved)
	}
	return nil
}

//go:build unix

package faults

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/waterspout/waterspout/internal/assign"
)

// Fingerprint is that of a job's topology.
func (l *Lab) Fingerprint(j Job) string {
	l.t.Helper()
	topo, err := j.filled().topology(l.Broker.Addrs(), new(atomic.Int64))
	if err != nil {
		l.t.Fatal(err)
	}
	return topo.Fingerprint()
}

// A board is what the workers of one cluster keep in NATS.
type board struct {
	assign.Document
	leader string
	leases map[string]assign.Lease // by id
}

// board reads it, over a connection of its own; NATS has to be there.
func (l *Lab) board(j Job) (b board, err error) {
	l.t.Helper()
	nc, err := nats.Connect(l.url)
	if err != nil {
		return b, err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return b, err
	}
	ctx, cancel := context.WithTimeout(l.t.Context(), 5*time.Second)
	defer cancel()
	kv, err := js.KeyValue(ctx, "waterspout-faults-"+l.Fingerprint(j))
	if err != nil {
		return b, err
	}
	keys, err := kv.Keys(ctx)
	if err != nil {
		return b, err
	}
	b.leases = map[string]assign.Lease{}
	for _, key := range keys {
		e, err := kv.Get(ctx, key)
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			continue // deleted since
		}
		if err != nil {
			return b, err
		}
		if err := b.read(key, e.Value(), j.filled().tasks()); err != nil {
			return b, err
		}
	}
	return b, nil
}

func (b *board) read(key string, value []byte, tasks int) (err error) {
	switch id, isLease := strings.CutPrefix(key, "lease."); {
	case isLease:
		b.leases[id], err = assign.DecodeLease(value)
	case key == "leader":
		b.leader = string(value)
	case key == "assignment":
		b.Document, err = assign.Decode(value, tasks)
	}
	return err
}

// settled says why b is not yet what these workers settle to, "" if it is.
func (b board) settled(workers []*Process) string {
	if b.Nonce == 0 || len(b.Document.Workers) != len(workers) {
		return fmt.Sprintf("members are %v", b.Document.Workers)
	}
	for _, w := range workers {
		id := b.id(w)
		if id == "" {
			return w.Name + " is no member"
		}
		if lease := b.leases[id]; lease.Nonce != b.Nonce || lease.Applied < b.Version {
			return fmt.Sprintf("%s has applied %d of %d", id, lease.Applied, b.Version)
		}
	}
	for i, slot := range b.Tasks {
		if slot.Worker == "" || slot.Prev != (assign.Placement{}) {
			return fmt.Sprintf("task %d is on its way", i)
		}
	}
	return ""
}

// id is under which a worker is a member, "" if it is none.
func (b board) id(w *Process) string {
	for _, id := range b.Document.Workers {
		if strings.HasPrefix(id, w.Name+"-") {
			return id
		}
	}
	return ""
}

// Settle waits until the workers that run have all tasks, each where it should be.
func (l *Lab) Settle() {
	l.t.Helper()
	var workers []*Process
	for _, w := range l.Workers {
		if w.Running() {
			workers = append(workers, w)
		}
	}
	l.Until(time.Minute, func() (bool, string) {
		b, err := l.board(l.Job)
		if err != nil {
			return false, err.Error()
		}
		why := b.settled(workers)
		return why == "", why
	})
}

// look is the board, which has to be there.
func (l *Lab) look() board {
	l.t.Helper()
	b, err := l.board(l.Job)
	if err != nil {
		l.t.Fatal(err)
	}
	return b
}

// Tasks are the numbers of the tasks that a worker has.
func (l *Lab) Tasks(w *Process) (tasks []int) {
	l.t.Helper()
	b := l.look()
	id := b.id(w)
	for i, slot := range b.Tasks {
		if slot.Worker == id && id != "" {
			tasks = append(tasks, i)
		}
	}
	return tasks
}

// find is a worker that runs and has some tasks from first up to but not including
// end, or none of them.
func (l *Lab) find(has bool, first, end int) *Process {
	l.t.Helper()
	for _, w := range l.Workers {
		some := false
		for _, task := range l.Tasks(w) {
			some = some || first <= task && task < end
		}
		if w.Running() && some == has {
			return w
		}
	}
	l.t.Fatalf("there is no worker where having tasks %d to %d is %v", first, end-1, has)
	return nil
}

// WithSpouts is a worker that has spout tasks.
func (l *Lab) WithSpouts() *Process { l.t.Helper(); return l.find(true, 0, l.Job.Spouts) }

// WithoutSpouts is a worker that has none.
func (l *Lab) WithoutSpouts() *Process { l.t.Helper(); return l.find(false, 0, l.Job.Spouts) }

// WithWriters is a worker that has tasks that write.
func (l *Lab) WithWriters() *Process {
	l.t.Helper()
	n := l.Job.tasks()
	return l.find(true, n-l.Job.Writers, n)
}

// Leader is the worker that leads.
func (l *Lab) Leader() *Process {
	l.t.Helper()
	b := l.look()
	for _, w := range l.Workers {
		if id := b.id(w); id != "" && id == b.leader {
			return w
		}
	}
	l.t.Fatalf("the leader %q is none of the workers", b.leader)
	return nil
}

// Lost is the version of the assignment with which a member was last lost.
func (l *Lab) Lost() uint64 { l.t.Helper(); return l.look().Lost }

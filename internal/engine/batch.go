package engine

import (
	"math"

	"github.com/waterspout/waterspout/tuple"
)

// batch executes what one inlet has. The clock is read three times a batch:
// before, after the first tuple (the sample), and at the end.
func (t *boltTask[I, O]) batch(in inlet[I]) int {
	n := in.take()
	if n == 0 { // nothing of it could be decoded
		in.box().Idle()
		return 0
	}
	t.inside.Store(inExecute)
	start, blocked := t.run.now(), t.blocked
	t.progress.Store(start)
	t.age.begin(start)
	t.at.late = t.age.of(start) > t.run.silence
	t.pace.begin(run(t.comp.cost.Load()), start, blocked)
	more := t.some(in, 1)
	t.sample(t.run.now() - start - (t.blocked - blocked))
	for more && !t.cut.Load() {
		more = t.some(in, math.MaxInt32)
	}
	t.publish() // before it counts as idle
	in.box().Idle()
	busy := t.run.now() - start - (t.blocked - blocked)
	t.busy.Add(busy)
	t.learn(busy / int64(n))
	t.progress.Store(0)
	t.inside.Store(inNothing)
	return n
}

// learn moves the component's cost per tuple an eighth towards the latest: the
// tasks of a component share it, and a lost update does no harm.
func (t *boltTask[I, O]) learn(cost int64) {
	was := t.comp.cost.Load()
	if was == 0 {
		was = cost
	}
	t.comp.cost.Store(max(was+(cost-was)/8, 1))
}

func (t *boltTask[I, O]) sample(d int64) {
	t.mu.Lock()
	t.execute.record(d)
	t.mu.Unlock()
}

// some executes up to limit tuples, and fewer if one panics. One defer serves
// them all.
func (t *boltTask[I, O]) some(in inlet[I], limit int) (more bool) {
	defer func() {
		if p := recover(); p != nil {
			if t.at.lin == nil { // not in Execute, but in what topology.Map put before it
				t.at.begin(in.current())
			}
			t.panicked(p)
			more = true
		}
	}()
	return in.each(limit, t.exec)
}

func (t *boltTask[I, O]) executeOne(v *I, lin *tuple.Lineage) {
	t.at.begin(lin)
	t.settle(t.bolt.Execute(t.ctx, *v, t.out))
}

func (t *boltTask[I, O]) mapOne(v *I, lin *tuple.Lineage) {
	t.at.begin(lin)
	r := t.outlet.routers[0]
	made := r.next()
	err := t.mapper(t.ctx, v, made)
	if err == nil {
		t.outlet.mapped(r, made)
	}
	t.settle(err)
}

// settle settles the input and, once a stretch, lets go of what is staged.
func (t *boltTask[I, O]) settle(err error) {
	t.storm.panics = 0
	if t.pace.left--; t.pace.left > 0 {
		t.boltCore.finish(err)
		return
	}
	now := t.run.now()
	t.at.late = t.age.of(now) > t.run.silence
	t.boltCore.finish(err)
	t.look(now)
}

// look breathes if a stretch of inputs is over, by number or by time.
func (t *boltTask[I, O]) look(now int64) {
	cost, over := t.pace.look(now, t.blocked)
	if !over {
		return
	}
	t.breathe()
	now = t.run.now()
	t.at.late = t.age.of(now) > t.run.silence // it may have taken long
	t.pace.begin(min(run(cost), run(t.comp.cost.Load())), now, t.blocked)
}

// breathe is what a long batch does in between.
func (t *boltTask[I, O]) breathe() {
	t.flush()
	t.publish()
	t.progress.Store(t.run.now())
	t.mail()
}

// panicked fails the current input with its stack.
func (t *boltTask[I, O]) panicked(p any) {
	f := caught(p)
	f.Component = t.info.Component
	t.boltCore.finish(f)
	t.logPanic(f)
	if err := t.storm.add(f, t.run.now()); err != nil {
		t.run.Abort(&tuple.TaskError{Task: t.info, Err: err})
	}
}

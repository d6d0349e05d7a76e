package engine

import (
	"context"
	"sync"
	"time"
)

const (
	watchEvery = time.Second
	hungAfter  = 10 * time.Second // in one call of user code, before the watchdog names it
	heldAfter  = 5 * time.Second  // with max pending full and nothing acked
)

// A watch looks at a run every second and logs what people would ask for: a
// bolt that does not return, a spout that waits for acks which do not come.
type watch struct {
	run   *Run
	group sync.WaitGroup
	quit  context.CancelFunc
	told  map[*boltCore]int64 // the start of the call that was logged
	full  map[*lane]*fullness
}

// fullness is how long a spout task has been waiting, and on what count of acks.
type fullness struct {
	since    int64
	answered uint64
	told     bool
}

func newWatch(r *Run) *watch {
	return &watch{run: r, told: map[*boltCore]int64{}, full: map[*lane]*fullness{}}
}

func (w *watch) start() {
	ctx, quit := context.WithCancel(context.Background())
	w.quit = quit
	w.group.Go(func() {
		ticker := time.NewTicker(watchEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				w.look(w.run.now())
			}
		}
	})
}

func (w *watch) stop() {
	w.quit()
	w.group.Wait()
}

func (w *watch) look(now int64) {
	tasks := w.run.tasks()
	w.forget(tasks)
	for _, t := range tasks {
		if b, ok := t.(interface{ core() *boltCore }); ok {
			w.hung(b.core(), now)
		}
		if s, ok := t.(interface{ ackLane() *lane }); ok {
			w.starved(s.ackLane(), now)
		}
	}
}

// forget drops what is known of tasks that have gone elsewhere.
func (w *watch) forget(tasks []task) {
	full, told := w.full, w.told
	w.full, w.told = map[*lane]*fullness{}, map[*boltCore]int64{}
	for _, t := range tasks {
		if s, ok := t.(interface{ ackLane() *lane }); ok && full[s.ackLane()] != nil {
			w.full[s.ackLane()] = full[s.ackLane()]
		}
		if b, ok := t.(interface{ core() *boltCore }); ok && told[b.core()] != 0 {
			w.told[b.core()] = told[b.core()]
		}
	}
}

// hung names a bolt that does not return.
func (w *watch) hung(c *boltCore, now int64) {
	since := c.progress.Load()
	what := c.inside.Load()
	if since != 0 && what == inExecute && now-since > w.run.silence {
		c.tardy.Store(true) // the clock is not read for each input
	}
	if since == 0 || what == inFlush || now-since < int64(hungAfter) || w.told[c] == since {
		return
	}
	w.told[c] = since
	c.info.Log.Warn("bolt does not return", "in", phase(what), "for", time.Duration(now-since).Round(time.Second))
}

// starved says why a spout task does not emit: max pending is full and nothing
// is acked (T5).
func (w *watch) starved(l *lane, now int64) {
	l.mu.Lock()
	full := l.ledger.Len() >= l.window.Size()
	pending := l.ledger.Len()
	l.mu.Unlock()
	f := w.full[l]
	answered := l.answered.Load()
	if f == nil || !full || answered != f.answered {
		w.full[l] = &fullness{since: now, answered: answered}
		return
	}
	if f.told || now-f.since < int64(heldAfter) {
		return
	}
	f.told = true
	name, held, queued := w.holder()
	l.info.Log.Warn("max pending is full and nothing was acked",
		"pending", pending, "for", time.Duration(now-f.since).Round(time.Second),
		"holding component", name, "held", held, "queued", queued)
}

// holder is the bolt with most tuples in its hands.
func (w *watch) holder() (name string, held, queued int) {
	type load struct{ held, queued int }
	byName := map[string]load{}
	for _, t := range w.run.tasks() {
		s := t.stats()
		l := byName[s.Task.Component]
		byName[s.Task.Component] = load{l.held + s.Held, l.queued + s.Queued}
	}
	for _, c := range w.run.components {
		if l := byName[c.node.Name]; !c.node.Spout && l.held+l.queued >= held+queued {
			name, held, queued = c.node.Name, l.held, l.queued
		}
	}
	return name, held, queued
}

func (c *boltCore) core() *boltCore { return c }

func phase(what int32) string {
	switch what {
	case inExecute:
		return "Execute"
	case inTick:
		return "Tick"
	case inDrained:
		return "Drained"
	case inFlush:
		return "a full inbox downstream"
	case inClose:
		return "Close"
	}
	return "its loop"
}

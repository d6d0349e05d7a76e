package engine

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waterspout/waterspout/acker"
	"github.com/waterspout/waterspout/internal/mailbox"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/tuple"
)

// ageLimit is the age in timeouts at which a tree ends whatever its progress (O4).
const ageLimit = 10

// A lane is where the acks of one spout task's trees arrive: a goroutine that
// applies them to the ledger and tells the spout. It never waits for data.
type lane struct {
	run      *Run
	comp     *component
	info     tuple.Task
	instance uint32
	tracker  spout.Tracker // nil if the spout does not care

	park    *mailbox.Park
	pairs   *mailbox.Box[acker.Pair]
	fails   *mailbox.Box[failed]
	settled *mailbox.Box[uint64] // ids of emits that have no tree
	due     atomic.Bool          // the expiry timer fired
	lost    atomic.Bool          // a worker was lost
	ending  atomic.Bool
	turn    laneWork      // the lane's goroutine only, like the next two
	broke   bool          // Ack or Fail has panicked
	over    bool          // work is done
	told    chan struct{} // closed when it is
	blame   blame

	mu       sync.Mutex // guards all below
	room     sync.Cond
	ledger   *acker.Ledger
	window   *acker.Window
	timer    *time.Timer
	armed    bool
	complete *latencies
	stopped  bool // nobody should wait for room any more
	cut      bool // nobody should wait for answers any more

	issued   atomic.Uint64 // tracked emits that were handed over
	answered atomic.Uint64
	counts
}

type failed struct {
	root tuple.Root
	why  tuple.Failure
}

func newLane(c *component, info tuple.Task, instance uint32) *lane {
	park := mailbox.NewPark()
	l := &lane{
		run: c.run, comp: c, info: info, instance: instance, park: park,
		pairs:    mailbox.New[acker.Pair](0, park),
		fails:    mailbox.New[failed](0, park),
		settled:  mailbox.New[uint64](0, park),
		ledger:   acker.New(instance, c.node.MaxPending),
		window:   acker.NewWindow(c.node.MaxPending, int64(c.node.Timeout)),
		complete: newLatencies(),
		told:     make(chan struct{}),
		blame:    blame{what: "trees failed", log: info.Log},
	}
	l.room.L = &l.mu
	return l
}

func (l *lane) fail(root tuple.Root, why tuple.Failure) { l.fails.Put([]failed{{root, why}}) }

// open opens a tree per id, whose first edges XOR to the word at its index, and
// appends their roots to roots. A word of zero means no tuples: such an emit is
// settled at once.
func (l *lane) open(ids, words []uint64, roots []tuple.Root) []tuple.Root {
	now := l.run.now()
	l.issued.Add(uint64(len(ids)))
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, id := range ids {
		if words[i] == 0 {
			roots = append(roots, 0)
			l.settled.Put(ids[i : i+1])
			continue
		}
		root, ok := l.ledger.Open(id, words[i], now)
		if !ok {
			panic("waterspout: the ledger is full although max pending was kept")
		}
		roots = append(roots, root)
	}
	l.armLocked(now)
	return roots
}

// touch says that trees live, of which some may have ended.
func (l *lane) touch(roots []tuple.Root, now int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, root := range roots {
		l.ledger.Pair(acker.Pair{Root: root}, now)
	}
}

// settle acks emits that nobody tracks.
func (l *lane) settle(ids []uint64) {
	if len(ids) > 0 {
		l.issued.Add(uint64(len(ids)))
		l.settled.Put(ids)
	}
}

func (l *lane) armLocked(now int64) {
	if l.armed || l.ledger.Len() == 0 {
		return
	}
	l.armed = true
	l.setLocked(l.window.Timeout())
}

func (l *lane) setLocked(d int64) {
	if l.timer != nil {
		l.timer.Reset(time.Duration(d))
		return
	}
	l.timer = time.AfterFunc(time.Duration(d), func() {
		l.due.Store(true)
		l.park.Wake()
	})
}

// free waits until a tree may be opened, and returns how many may; 0 says that
// the spout should return.
func (l *lane) free() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	for !l.stopped && l.ledger.Len() >= l.window.Size() {
		l.room.Wait()
	}
	if l.stopped {
		return 0
	}
	return l.window.Size() - l.ledger.Len()
}

// stop releases those who wait for room, for good.
func (l *lane) stop() {
	l.mu.Lock()
	l.stopped = true
	l.mu.Unlock()
	l.room.Broadcast()
}

// quiesce waits until every tracked emit has its answer, and reports whether it
// came that far.
func (l *lane) quiesce() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for !l.cut && l.pending() > 0 {
		l.room.Wait()
	}
	return l.pending() == 0
}

// giveUp ends the wait for answers.
func (l *lane) giveUp() {
	l.mu.Lock()
	l.cut = true
	l.mu.Unlock()
	l.room.Broadcast()
}

// end makes the lane's goroutine return when it has told all answers that are there.
func (l *lane) end() {
	l.ending.Store(true)
	l.park.Wake()
}

// forsake fails every tree that is open now: a worker was lost, and nobody knows
// which trees it had part of (L8).
func (l *lane) forsake() {
	l.lost.Store(true)
	l.park.Wake()
}

// work is the lane's goroutine. It is called again when Ack or Fail has panicked.
func (l *lane) work() {
	w := &l.turn
	l.answer(w) // the rest of such a turn
	for {
		w.pairs = l.pairs.Take(w.pairs)
		w.fails = l.fails.Take(w.fails)
		w.settled = l.settled.Take(w.settled)
		due, lost := l.due.Swap(false), l.lost.Swap(false)
		if len(w.pairs)+len(w.fails)+len(w.settled) == 0 && !due && !lost {
			if l.ending.Load() {
				break
			}
			l.park.Wait(l.ready)
			continue
		}
		l.apply(w, due, lost)
		l.answer(w)
	}
	l.mu.Lock()
	if l.timer != nil {
		l.timer.Stop()
	}
	w.ended = l.ledger.FailAll(w.ended[:0])
	l.mu.Unlock()
	w.lost = w.lost[:0]
	for _, e := range w.ended {
		w.lost = append(w.lost, loss{e, tuple.Failure{Kind: tuple.Shutdown, Text: "the topology ended"}})
	}
	w.ended = w.ended[:0]
	l.answer(w)
	l.over = true
	l.blame.rest()
}

func (l *lane) ready() bool {
	return l.pairs.Ready() || l.fails.Ready() || l.settled.Ready() || l.due.Load() || l.lost.Load() || l.ending.Load()
}

// laneWork is what one turn of a lane works on.
type laneWork struct {
	pairs   []acker.Pair
	fails   []failed
	settled []uint64
	ended   []acker.Ended // done
	lost    []loss
	expired []acker.Ended
	told    int // how many of ended, settled and lost the spout was told of
}

type loss struct {
	acker.Ended
	why tuple.Failure
}

// apply moves a turn's messages through the ledger. The clock is read once.
func (l *lane) apply(w *laneWork, due, lost bool) {
	now := l.run.now()
	w.ended, w.lost = w.ended[:0], w.lost[:0]
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range w.pairs {
		switch ended, event := l.ledger.Pair(p, now); event {
		case acker.Done:
			w.ended = append(w.ended, ended)
			l.complete.record(now - ended.Born)
		case acker.False:
			l.window.False()
		}
	}
	l.window.Acked(len(w.ended))
	for _, f := range w.fails {
		if ended, event := l.ledger.Fail(f.root); event == acker.Done {
			f.why.Age = time.Duration(now - ended.Born)
			w.lost = append(w.lost, loss{ended, f.why})
		}
	}
	if lost {
		l.forsakeLocked(w, now)
	}
	if due {
		l.expireLocked(w, now)
	}
	l.room.Broadcast()
}

func (l *lane) forsakeLocked(w *laneWork, now int64) {
	w.expired = l.ledger.FailAll(w.expired[:0])
	for _, e := range w.expired {
		w.lost = append(w.lost, loss{e, tuple.Failure{Kind: tuple.Lost, Age: time.Duration(now - e.Born), Text: "a worker was lost"}})
	}
}

func (l *lane) expireLocked(w *laneWork, now int64) {
	timeout := l.window.Timeout()
	var next int64
	w.expired, next = l.ledger.Expire(w.expired[:0], now, timeout, ageLimit*int64(l.comp.node.Timeout))
	for _, e := range w.expired {
		age := time.Duration(now - e.Born)
		why := tuple.Failure{Kind: tuple.Timeout, Age: age, Text: fmt.Sprintf("no progress within %v", time.Duration(timeout))}
		w.lost = append(w.lost, loss{e, why})
	}
	if len(w.expired) > 0 {
		l.window.Expired(now)
		l.info.Log.Warn("trees timed out", "trees", len(w.expired), "timeout", time.Duration(timeout), "max pending now", l.window.Size())
	}
	l.armed = next > 0
	if l.armed {
		l.setLocked(max(next-now, 1))
	}
}

// tell tells the spout, without a lock held. An answer counts before it is given: the
// others are given also if the spout panics.
func (l *lane) tell(w *laneWork) {
	if l.tracker == nil {
		return
	}
	acks := len(w.ended) + len(w.settled)
	for w.told < len(w.ended) {
		w.told++
		l.tracker.Ack(w.ended[w.told-1].ID)
	}
	for w.told < acks {
		w.told++
		l.tracker.Ack(w.settled[w.told-1-len(w.ended)])
	}
	for w.told < acks+len(w.lost) {
		w.told++
		end := &w.lost[w.told-1-acks]
		l.tracker.Fail(end.ID, end.why)
	}
}

// answer ends a turn: all that it has is told, and counted.
func (l *lane) answer(w *laneWork) {
	l.tell(w)
	for i := range w.lost {
		why := &w.lost[i].why
		l.failed[why.Kind].Add(1)
		l.blame.add(why, l.run.now())
	}
	l.acked.Add(uint64(len(w.ended) + len(w.settled)))
	l.answered.Add(uint64(len(w.ended) + len(w.settled) + len(w.lost)))
	w.ended, w.settled, w.lost, w.told = w.ended[:0], w.settled[:0], w.lost[:0], 0
	if l.answered.Load() == l.issued.Load() {
		l.mu.Lock()   // whoever looked before, and waits, must hear of it
		l.mu.Unlock() //lint:ignore SA2001 see above
		l.room.Broadcast()
		if !l.run.opts.Abroad { // a tenant waits in quiesce
			l.run.poke()
		}
	}
}

// pending is how many tracked emits have no answer yet.
func (l *lane) pending() int { return int(l.issued.Load() - l.answered.Load()) }

// closer closes v if it can be closed.
func closer(v any) error {
	if c, ok := v.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

package link

import (
	"fmt"
	"slices"

	"github.com/waterspout/waterspout/internal/frame"
	"github.com/waterspout/waterspout/tuple"
)

// A wire is one link under test: both machines, credit for two task instances,
// and what is on its way. Frames hold one section each, of one tuple whose number
// is its root. What is right is decided by sets of numbers, which know nothing of
// sequences, epochs and positions.
type wire struct {
	now      int64
	attempts uint64
	epochs   uint64

	s      Sender
	credit [2]Credit
	queue  []message // accepted, and not sequenced before the epoch is open
	loss   Loss

	r        Receiver
	accounts [2]Account
	inbox    [2][]parcel
	due      bool // a report, in time

	data, control []message
	late          []message // copies that may arrive at any time

	last      uint64 // number given last
	dead      map[uint64]bool
	accepted  map[uint64]bool
	applied   map[uint64]int
	told      map[uint64]int
	newest    uint64 // number applied last in this epoch
	epochThen uint64
	largest   uint64
	whole     bool // the net, for a while
	wrong     string
}

type message struct {
	kind                  frame.Kind
	epoch, sequence, base uint64
	number                uint64 // 0: only the position
	task                  int
	position, total, size uint64
	lost                  []frame.Range
	grants                [2]struct{ limit, taken uint64 }
}

type parcel struct {
	epoch uint32
	size  uint64
}

const window = 1000

func newWire() *wire {
	w := &wire{dead: map[uint64]bool{}, accepted: map[uint64]bool{}, applied: map[uint64]int{}, told: map[uint64]int{}}
	w.begin()
	return w
}

func (w *wire) fault(format string, args ...any) {
	if w.wrong == "" {
		w.wrong = fmt.Sprintf(format, args...)
	}
}

// begin begins an epoch at the sender.
func (w *wire) begin() {
	w.attempts++
	w.s.Begin(w.attempts, w.now, &w.loss)
	for _, m := range w.queue {
		w.loss.Roots = append(w.loss.Roots, tuple.Root(m.number))
	}
	w.queue = nil
	w.tell(false)
	for i := range w.credit {
		w.credit[i].Reset()
	}
	w.control = append(w.control, message{kind: frame.Hello, sequence: w.attempts})
}

// tell notes what is lost, and repairs the positions.
func (w *wire) tell(repair bool) {
	for _, root := range w.loss.Roots {
		w.told[uint64(root)]++
	}
	for _, a := range w.loss.Tasks {
		if repair {
			position, total := w.credit[a.Task].Sent()
			w.queue = append(w.queue, message{task: int(a.Task), position: position, total: total})
		}
	}
	w.loss.Reset()
	w.flush()
}

func (w *wire) send(task int, size uint64) {
	if !w.credit[task].Open() {
		return
	}
	w.last++
	w.accepted[w.last] = true
	w.largest = max(w.largest, size)
	position, total := w.credit[task].Take(int(size), 1)
	w.queue = append(w.queue, message{number: w.last, task: task, position: position, total: total, size: size})
}

// flush puts what was accepted on the wire.
func (w *wire) flush() {
	if w.s.Epoch() == 0 {
		return
	}
	for _, m := range w.queue {
		c := Content{Tasks: []frame.Address{{Task: uint32(m.task)}}}
		if m.number != 0 {
			c.Roots = []tuple.Root{tuple.Root(m.number)}
		}
		m.kind, m.epoch = frame.Data, w.s.Epoch()
		m.sequence, m.base = w.s.Next(w.now, c), w.s.Base()
		w.data = append(w.data, m)
	}
	w.queue = nil
}

func (w *wire) tick(d int64) {
	w.now += d
	if w.due {
		w.report()
	}
	blocked := !w.credit[0].Open() || !w.credit[1].Open()
	action, next := w.s.Tick(w.now, blocked)
	if action == Rest && next != 0 && next <= w.now {
		w.fault("asked to be called at %d, and it is %d", next, w.now)
	}
	switch action {
	case Greet:
		w.control = append(w.control, message{kind: frame.Hello, sequence: w.s.Attempt()})
	case Beat:
		w.data = append(w.data, message{kind: frame.Beat, epoch: w.s.Epoch(), sequence: w.s.Last(), base: w.s.Base()})
	case GiveUp:
		if w.whole {
			w.fault("gave up although nothing was lost for long")
		}
		w.begin()
	}
}

func (w *wire) report() {
	w.due = false
	if w.r.Epoch() == 0 {
		return
	}
	m := message{kind: frame.Report, epoch: w.r.Epoch(), sequence: w.r.Expected(), lost: slices.Clone(w.r.Lost())}
	for i := range w.accounts {
		m.grants[i].limit, m.grants[i].taken, _ = w.accounts[i].Grant(window)
	}
	w.control = append(w.control, m)
}

// arrive is a message that reaches its other end.
func (w *wire) arrive(m message) {
	switch m.kind {
	case frame.Data, frame.Beat:
		w.arriveData(m)
	case frame.Hello:
		w.epochs++
		fresh, ok := w.r.Hello(m.sequence, w.epochs)
		if fresh {
			for i := range w.accounts {
				w.accounts[i].Renew()
			}
		}
		if ok {
			w.control = append(w.control, message{kind: frame.Offer, epoch: w.r.Epoch(), sequence: w.r.Attempt()})
			w.report()
		}
	case frame.Offer:
		w.answered(w.s.Offer(m.sequence, m.epoch, w.now))
	case frame.Stranger:
		w.answered(w.s.Stranger(m.epoch))
	case frame.Report:
		if w.s.Report(m.epoch, m.sequence, m.lost, w.now, &w.loss) {
			for i, g := range m.grants {
				w.credit[i].Grant(g.limit, g.taken)
			}
			w.tell(true)
		}
	}
}

func (w *wire) answered(a Answer) {
	switch a {
	case Opened:
		w.flush()
	case Gone:
		w.begin()
	}
}

func (w *wire) arriveData(m message) {
	verdict, gap := Apply, false
	if m.kind == frame.Beat {
		if verdict = w.r.Beat(m.epoch, m.sequence, m.base); verdict != Foreign {
			w.report()
			return
		}
	} else {
		verdict, gap = w.r.Frame(m.epoch, m.sequence, m.base)
	}
	switch verdict {
	case Foreign:
		w.control = append(w.control, message{kind: frame.Stranger, epoch: m.epoch})
	case Apply:
		w.apply(m)
		if gap {
			w.report()
		}
	}
}

func (w *wire) apply(m message) {
	epoch := w.accounts[m.task].Arrive(m.position, m.total, int(m.size), min(int(m.number), 1))
	if m.number == 0 {
		return
	}
	if w.epochThen != m.epoch {
		w.epochThen, w.newest = m.epoch, 0
	}
	if m.number <= w.newest {
		w.fault("%d applied after %d", m.number, w.newest)
	}
	w.newest = m.number
	if w.applied[m.number]++; w.applied[m.number] > 1 {
		w.fault("%d applied twice", m.number)
	}
	w.inbox[m.task] = append(w.inbox[m.task], parcel{epoch, m.size})
	queued := uint64(0)
	for _, p := range w.inbox[m.task] {
		queued += p.size
	}
	if queued != w.accounts[m.task].Queued() || queued >= window+w.largest {
		w.fault("%d bytes queued, %d in the books, window %d, largest %d", queued, w.accounts[m.task].Queued(), window, w.largest)
	}
}

// take takes the oldest out of an inbox.
func (w *wire) take(task int) {
	if len(w.inbox[task]) == 0 {
		return
	}
	p := w.inbox[task][0]
	w.inbox[task] = w.inbox[task][1:]
	w.accounts[task].Done(p.epoch, int(p.size), 1)
	w.due = true
	if w.accounts[task].Urgent(window) {
		w.report()
	}
}

// crashReceiver has it forget all, its inboxes too.
func (w *wire) crashReceiver() {
	w.r, w.accounts, w.inbox = Receiver{}, [2]Account{}, [2][]parcel{}
}

// crashSender has it forget all: nobody can tell of what it had sent.
func (w *wire) crashSender() {
	for n := range w.last {
		if w.applied[n+1] == 0 && w.told[n+1] == 0 {
			w.dead[n+1] = true
		}
	}
	w.s, w.queue, w.credit = Sender{}, nil, [2]Credit{}
	w.begin()
}

// heal lets everything arrive for long enough.
func (w *wire) heal() {
	w.late = nil
	for i := range 60 {
		w.whole = i > 2
		w.flush()
		for len(w.data)+len(w.control) > 0 && w.wrong == "" {
			w.step(&w.control)
			w.step(&w.data)
			w.flush()
		}
		w.take(0)
		w.take(1)
		w.tick(BeatEvery)
	}
	w.whole = false
}

func (w *wire) step(lane *[]message) {
	if len(*lane) > 0 {
		m := (*lane)[0]
		*lane = (*lane)[1:]
		w.arrive(m)
	}
}

// check looks at the end, when all has healed, for what is neither applied nor
// told.
func (w *wire) check() {
	if n := w.s.Unreleased(); n > 0 || len(w.queue) > 0 {
		w.fault("%d frames unreleased, %d queued", n, len(w.queue))
	}
	for n := range w.accepted {
		if w.applied[n] == 0 && w.told[n] == 0 && !w.dead[n] {
			w.fault("%d is gone without a word", n)
		}
	}
}

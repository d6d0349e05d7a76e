package link

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/waterspout/waterspout/internal/frame"
	"github.com/waterspout/waterspout/tuple"
)

// TestLink scripts everything that can happen to a link, and looks at each step
// and at the end, when the net has healed: at most once and in order, no inbox
// beyond its window and one section, everything applied or told, nothing stuck,
// and no credit lost.
func TestLink(t *testing.T) {
	for range 20 { // of a hundred scripts
		rapid.Check(t, testLink)
	}
}

func testLink(t *rapid.T) {
	w := newWire()
	for range 4 {
		w.step(&w.control) // hello, offer, grants
	}
	for range rapid.IntRange(0, 200).Draw(t, "steps") {
		w.play(t, rapid.SampledFrom(script).Draw(t, "step"))
		w.verdict(t)
	}
	w.heal()
	w.send(0, 1) // so that an idle sender learns of a receiver that began anew
	w.send(1, 1)
	w.heal()
	w.check()
	w.verdict(t)
	from := w.last
	for range 4 {
		for task := range w.credit {
			for range 4 {
				w.send(task, window/4)
			}
		}
		w.flush()
		w.heal()
	}
	if w.last < from+4*8 {
		t.Fatalf("only %d of 32 sections went when all had healed: credit %+v, accounts %+v", w.last-from, w.credit, w.accounts)
	}
	w.check()
	w.verdict(t)
	for i := range w.credit {
		if n := w.credit[i].Load(); n != 0 {
			t.Fatalf("load %d with empty inboxes", n)
		}
	}
}

func (w *wire) verdict(t *rapid.T) {
	t.Helper()
	if w.wrong != "" {
		t.Fatal(w.wrong)
	}
}

// script is what happens to a link, as often as it is here.
var script = strings.Fields(`
	send send send send send send send send send send
	flush flush flush flush flush arrive arrive arrive arrive arrive arrive arrive arrive arrive arrive
	answer answer answer answer answer answer answer answer answer answer
	take take take take take report report tick tick tick late late swap copy copy drop drop
	cut rare`)

func (w *wire) play(t *rapid.T, step string) {
	lane := &w.data
	if step == "drop" || step == "copy" || step == "swap" || step == "cut" {
		if rapid.Bool().Draw(t, "answers") {
			lane = &w.control
		}
	}
	first := len(*lane) > 0
	switch step {
	case "send":
		w.send(rapid.IntRange(0, 1).Draw(t, "task"), rapid.Uint64Range(1, 1500).Draw(t, "size"))
	case "flush":
		w.flush()
	case "arrive":
		w.step(&w.data)
	case "answer":
		w.step(&w.control)
	case "take":
		w.take(rapid.IntRange(0, 1).Draw(t, "task"))
	case "report":
		w.report()
	case "tick":
		w.tick(rapid.SampledFrom([]int64{1, BeatEvery, BeatEvery, StallAfter}).Draw(t, "time"))
	case "late":
		if len(w.late) > 0 {
			w.arrive(rapid.SampledFrom(w.late).Draw(t, "which"))
		}
	case "swap":
		if l := *lane; len(l) > 1 {
			i := rapid.IntRange(1, len(l)-1).Draw(t, "with")
			l[0], l[i] = l[i], l[0]
		}
	case "copy":
		if first {
			w.late = append(w.late, (*lane)[0])
		}
	case "drop":
		if first {
			*lane = (*lane)[1:]
		}
	case "cut":
		*lane = nil
	case "rare":
		rapid.SampledFrom([]func(){w.begin, w.crashReceiver, w.crashSender}).Draw(t, "event")()
	}
}

// TestTimes: a link that is idle wants nothing; one that is not beats, and gives
// up a receiver that says nothing.
func TestTimes(t *testing.T) {
	var s Sender
	var loss Loss
	if action, next := s.Tick(1, true); action != Rest || next != 0 {
		t.Error("does something before it began")
	}
	s.Begin(1, 0, &loss)
	if action, next := s.Tick(BeatEvery, false); action != Greet || next != 2*BeatEvery {
		t.Error("does not greet again")
	}
	s.Offer(1, 77, 0)
	if action, next := s.Tick(math.MaxInt64/2, false); action != Rest || next != 0 {
		t.Error("an idle link does something")
	}
	now := int64(math.MaxInt64 / 2)
	s.Next(now, Content{Roots: []tuple.Root{5}, Mark: true})
	beats := 0
	for {
		action, next := s.Tick(now, false)
		if action == Beat {
			beats++
		}
		if action == GiveUp {
			break
		}
		now = next
	}
	if late := now - math.MaxInt64/2; late != StallAfter || beats != 19 {
		t.Errorf("gave up after %d, %d beats", late, beats)
	}
	s.Begin(2, now, &loss)
	if len(loss.Roots) != 1 || !loss.Mark || loss.Frames != 1 || s.Unreleased() != 0 {
		t.Errorf("lost %+v", loss)
	}
}

// TestDelayed: a net that is slow is not taken for a silent receiver.
func TestDelayed(t *testing.T) {
	var s Sender
	s.Begin(1, 0, new(Loss))
	s.Offer(1, 7, 0)
	s.Next(0, Content{})
	s.Delayed(StallAfter)
	if action, _ := s.Tick(StallAfter+1, false); action != Beat {
		t.Error("gave up")
	}
}

// TestManyGaps: a receiver remembers a bounded number of gaps, and still all that
// was lost is told.
func TestManyGaps(t *testing.T) {
	var s Sender
	var r Receiver
	var loss Loss
	s.Begin(1, 0, &loss)
	r.Hello(1, 9)
	s.Offer(1, 9, 0)
	const frames = 10 * MaxLost
	for n := range frames {
		s.Next(0, Content{Roots: []tuple.Root{tuple.Root(n + 1)}})
	}
	applied := map[tuple.Root]bool{}
	for q := uint64(2); q <= frames; q += 2 {
		if verdict, gap := r.Frame(9, q, 1); verdict != Apply || !gap {
			t.Fatal("no gap seen")
		}
		applied[tuple.Root(q)] = true
	}
	if n := len(r.Lost()); n > MaxLost {
		t.Errorf("remembers %d gaps", n)
	}
	if s.Report(9, frames+2, r.Lost(), 0, &loss) || s.Report(8, 2, nil, 0, &loss) || s.Report(9, 2, make([]frame.Range, MaxLost+1), 0, &loss) {
		t.Error("believed a report that cannot be")
	}
	if !s.Report(9, r.Expected(), r.Lost(), 0, &loss) || s.Unreleased() != 0 {
		t.Error("not released")
	}
	for _, root := range loss.Roots {
		applied[root] = true
	}
	if len(applied) != frames {
		t.Errorf("%d of %d applied or told", len(applied), frames)
	}
	if r.Beat(9, frames, s.Base()); len(r.Lost()) > 0 {
		t.Error("remembers what the sender knows")
	}
}

func TestWindow(t *testing.T) {
	for senders, want := range map[int]uint64{0: Capacity, 1: Capacity, 2: Capacity / 2, 16: minWindow, 100: minWindow} {
		if got := Window(senders); got != want {
			t.Errorf("%d senders: %d", senders, got)
		}
	}
}

// TestAllocatesNothing once the ring has grown.
func TestAllocatesNothing(t *testing.T) {
	var s Sender
	var r Receiver
	var loss Loss
	s.Begin(1, 0, &loss)
	r.Hello(1, 9)
	s.Offer(1, 9, 0)
	roots, tasks := make([]tuple.Root, 300), make([]frame.Address, 4)
	turn := func() {
		for range 20 {
			q := s.Next(0, Content{Roots: roots, Tasks: tasks})
			if q%7 != 0 {
				r.Frame(9, q, s.Base())
			}
		}
		loss.Reset()
		s.Report(9, r.Expected(), r.Lost(), 0, &loss)
	}
	for range 10 {
		turn()
	}
	if n := testing.AllocsPerRun(100, turn); n != 0 {
		t.Errorf("%v allocations a turn", n)
	}
}

// TestGapGrows: a gap of which the sender has heard a part is remembered.
func TestGapGrows(t *testing.T) {
	var r Receiver
	r.Hello(1, 9)
	r.Beat(9, 3, 1)
	r.Frame(9, 6, 4) // the sender knows of 1 to 3
	r.Frame(9, 7, 4)
	if lost := r.Lost(); len(lost) != 1 || lost[0].Last != 5 {
		t.Errorf("lost %v", lost)
	}
	r.Frame(9, 8, 6)
	if lost := r.Lost(); len(lost) != 0 {
		t.Errorf("lost %v", lost)
	}
}

// TestGrantsOnlyGrow: a late grant takes nothing away (C1).
func TestGrantsOnlyGrow(t *testing.T) {
	var c Credit
	c.Take(10, 5)
	c.Grant(100, 9) // more than was sent
	c.Grant(50, 1)
	if c.Take(89, 1); !c.Open() || c.Load() != 1 {
		t.Errorf("%+v", c)
	}
	if c.Take(1, 1); c.Open() {
		t.Errorf("%+v", c)
	}
}

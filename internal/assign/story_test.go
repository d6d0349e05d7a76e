package assign

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// A script plays documents for a fixed topology: a spout of two tasks and a bolt of
// four.
type script struct {
	t       *testing.T
	doc     Document
	members []Member
}

var small = Shape{
	{Spout: true, Component: 0, Index: 0}, {Spout: true, Component: 0, Index: 1},
	{Component: 1, Index: 0}, {Component: 1, Index: 1}, {Component: 1, Index: 2}, {Component: 1, Index: 3},
}

func newScript(t *testing.T, ids ...string) *script {
	s := &script{t: t, doc: Found(Document{}, 7)}
	for _, id := range ids {
		s.members = append(s.members, Member{ID: id})
	}
	return s
}

func (s *script) of(id string) *Member {
	for i := range s.members {
		if s.members[i].ID == id {
			return &s.members[i]
		}
	}
	s.t.Fatalf("no member %s", id)
	return nil
}

// plan plans and compares the places, "a:1" for instance 1 on a, with "<b:2" behind it
// while b's instance 2 has not ended, and "!" for a task that is done.
func (s *script) plan(want string) {
	s.t.Helper()
	s.doc, _ = Plan(s.doc, small, s.members)
	for i := range s.members {
		if m := &s.members[i]; m.Nonce == 0 && s.doc.Names(m.ID) {
			m.Nonce = s.doc.Nonce // it has read that
		}
	}
	var got []string
	for _, slot := range s.doc.Tasks {
		place := "-"
		if slot.Worker != "" {
			place = fmt.Sprintf("%s:%d", slot.Worker, slot.Instance)
		}
		if slot.Prev != (Placement{}) {
			place += fmt.Sprintf("<%s:%d", slot.Prev.Worker, slot.Prev.Instance)
		}
		if slot.Done {
			place += "!"
		}
		got = append(got, place)
	}
	if s.doc.Drain {
		got = append(got, "drain")
	}
	if s.doc.End {
		got = append(got, "end")
	}
	if g := strings.Join(got, " "); g != want {
		s.t.Errorf("version %d:\n got %s\nwant %s", s.doc.Version, g, want)
	}
}

// TestLeaveStory: a worker joins, then another leaves, and spout tasks wait for their
// former instances.
func TestLeaveStory(t *testing.T) {
	s := newScript(t, "a")
	s.plan("a:1 a:2 a:3 a:4 a:5 a:6")
	s.members = append(s.members, Member{ID: "b", Status: Status{Joined: 1}})
	s.plan("a:1 b:7<a:2 a:3 a:4 b:8 b:9")
	s.of("a").Nonce, s.of("a").Applied = 0, 9 // of another life, perhaps
	s.plan("a:1 b:7<a:2 a:3 a:4 b:8 b:9")
	s.of("a").Nonce, s.of("a").Applied = 7, 1
	s.of("a").Leaving = true
	s.plan("b:10<a:1 b:7<a:2 b:11 b:12 b:8 b:9")
	s.of("a").Applied = 2
	s.plan("b:10<a:1 b:7 b:11 b:12 b:8 b:9")
	s.of("a").Applied = s.doc.Version
	s.plan("b:10 b:7 b:11 b:12 b:8 b:9")
	s.members = s.members[1:]
	s.plan("b:10 b:7 b:11 b:12 b:8 b:9")
}

// TestVanishedStory: who is gone need not be waited for, and what goes to one that
// dies goes on to the next, which still waits for the first.
func TestVanishedStory(t *testing.T) {
	s := newScript(t, "a", "b", "c")
	s.plan("b:1 c:2 a:3 a:4 b:5 c:6")
	s.members = s.members[1:]
	s.plan("b:1 c:2 b:7 c:8 b:5 c:6")
	s.of("b").Leaving = true
	s.members = append(s.members, Member{ID: "d"})
	s.plan("d:9<b:1 c:2 d:10 c:8 d:11 c:6")
	s.members = s.members[:2]
	s.plan("c:12<b:1 c:2 c:13 c:8 c:14 c:6")
	s.members = s.members[1:]
	s.plan("c:12 c:2 c:13 c:8 c:14 c:6")
}

// TestDoneStory: a task that is done is not placed again, counts for nothing, and when
// all are done the cluster ends, for good.
func TestDoneStory(t *testing.T) {
	s := newScript(t, "a", "b")
	s.plan("a:1 b:2 a:3 a:4 b:5 b:6")
	s.of("a").Done = []Instance{{0, 9}, {1, 2}, {2, 3}} // another instance, another's, no spout
	s.plan("a:1 b:2 a:3 a:4 b:5 b:6")
	s.of("a").Done = []Instance{{0, 1}}
	s.plan("a:1! b:2 a:3 a:4 b:5 b:6")
	s.members = s.members[1:]
	s.plan("-! b:2 b:7 b:8 b:5 b:6")
	s.of("b").Done = []Instance{{1, 2}}
	s.plan("-! b:2! b:7 b:8 b:5 b:6 end")
	s.members = append(s.members, Member{ID: "c"})
	s.plan("-! b:2! b:7 b:8 b:5 b:6 end")
	if !s.doc.Names("c") {
		t.Error("who comes when all is done should learn that")
	}
	s.members = s.members[1:]
	s.plan("-! -! - - - - end")
}

// TestLostAtTheEnd: what a lost worker had is placed anew at the end, too, since others may
// wait to send to it; it goes to one that has others, and nothing else moves.
func TestLostAtTheEnd(t *testing.T) {
	s := newScript(t, "a", "b")
	s.plan("a:1 b:2 a:3 a:4 b:5 b:6")
	s.of("a").Done, s.of("b").Done = []Instance{{0, 1}}, []Instance{{1, 2}}
	s.plan("a:1! b:2! a:3 a:4 b:5 b:6 end")
	s.members = append(s.members, Member{ID: "c"})
	s.of("a").Leaving = true
	s.plan("a:1! b:2! a:3 a:4 b:5 b:6 end")
	s.members = slices.Delete(s.members, 1, 2)
	s.plan("a:1! -! a:3 a:4 a:7 a:8 end")
}

// TestMovedDone: a task may be done just when it is to move; its successor never
// starts.
func TestMovedDone(t *testing.T) {
	s := newScript(t, "a")
	s.plan("a:1 a:2 a:3 a:4 a:5 a:6")
	s.members = append(s.members, Member{ID: "b"})
	s.plan("a:1 b:7<a:2 a:3 a:4 b:8 b:9")
	s.of("a").Done = []Instance{{1, 2}}
	s.of("a").Applied = s.doc.Version
	s.plan("a:1 b:7! a:3 a:4 b:8 b:9")
}

// TestDrainStory: when everybody leaves, spouts stop; who joins meanwhile takes over,
// but not after the end, for which he waits.
func TestDrainStory(t *testing.T) {
	s := newScript(t, "a", "b")
	s.plan("a:1 b:2 a:3 a:4 b:5 b:6")
	s.of("a").Leaving, s.of("b").Leaving = true, true
	s.plan("a:1 b:2 a:3 a:4 b:5 b:6 drain")
	s.of("a").Quiet = true
	s.plan("a:1 b:2 a:3 a:4 b:5 b:6 drain")
	s.members = append(s.members, Member{ID: "c"})
	s.plan("c:7<a:1 c:8<b:2 c:9 c:10 c:11 c:12")
	s.members = s.members[:2]
	s.of("a").Quiet = false
	s.plan("a:13<a:1 b:14<b:2 a:15 a:16 b:17 b:18 drain")
	s.of("a").Quiet, s.of("b").Quiet = true, true
	s.plan("a:13<a:1 b:14<b:2 a:15 a:16 b:17 b:18 drain end")
}

// TestClosed: a drained cluster takes nobody in.
func TestClosed(t *testing.T) {
	s := newScript(t, "a")
	s.of("a").Leaving, s.of("a").Quiet = true, true
	s.plan("- - - - - - drain end")
	s.members = append(s.members, Member{ID: "b"})
	s.plan("- - - - - - drain end")
	s.of("a").Quiet = false // whatever it says now
	s.plan("- - - - - - drain end")
	if s.doc.Names("b") {
		t.Error("who joins a drained cluster would end with it")
	}
}

// TestBoltsMove: of moves that are as good the one of a bolt's task is made.
func TestBoltsMove(t *testing.T) {
	shape := Shape{
		{Spout: true, Component: 0}, {Component: 1}, {Component: 1, Index: 1}, {Component: 2}, {Component: 2, Index: 1},
	}
	doc, _ := Plan(Found(Document{}, 1), shape, []Member{{ID: "a"}})
	doc, _ = Plan(doc, shape, []Member{{ID: "a"}, {ID: "b"}, {ID: "c"}})
	if doc.Tasks[0].Worker != "a" {
		t.Errorf("the spout task moved: %+v", doc.Tasks)
	}
}

// TestStrangers: who follows another life of the cluster is no member (rule G3).
func TestStrangers(t *testing.T) {
	s := newScript(t, "a", "b")
	s.of("b").Nonce = 8
	s.plan("a:1 a:2 a:3 a:4 a:5 a:6")
}

func TestFoundGoesOn(t *testing.T) {
	old := Document{Nonce: 1, Version: 9, Next: 70}
	if d := Found(old, 2); d.Next != 70 || d.Version != 9 || d.Nonce != 2 || d.Workers != nil {
		t.Errorf("%+v", d)
	}
	if d := Found(Document{Next: Instances - 1}, 2); d.Next != 1 {
		t.Errorf("instances begin at %d", d.Next)
	}
}

// TestLostStory: a member that is gone is lost, and its trees with it (rule L8); one
// that has handed everything over goes without that.
func TestLostStory(t *testing.T) {
	s := newScript(t, "a", "b", "c")
	s.plan("b:1 c:2 a:3 a:4 b:5 c:6")
	s.of("a").Leaving = true
	s.plan("b:1 c:2 b:7 c:8 b:5 c:6")
	if !s.doc.Names("a") {
		t.Error("a has not ended its tasks yet")
	}
	s.of("a").Applied = s.doc.Version
	s.plan("b:1 c:2 b:7 c:8 b:5 c:6")
	if s.doc.Names("a") || s.doc.Lost != 0 {
		t.Errorf("a has handed over: %+v", s.doc)
	}
	s.members = s.members[:2]
	s.plan("b:1 b:9 b:7 b:10 b:5 b:11")
	if s.doc.Lost != s.doc.Version {
		t.Errorf("c is lost: %+v", s.doc)
	}
}

// TestFailedStory: the error of one ends all, for good, and nothing is placed for it.
func TestFailedStory(t *testing.T) {
	s := newScript(t, "a", "b")
	s.plan("a:1 b:2 a:3 a:4 b:5 b:6")
	s.of("b").Failed = "no such topic"
	s.plan("a:1 b:2 a:3 a:4 b:5 b:6")
	if s.doc.Failed != "b: no such topic" {
		t.Errorf("failed: %q", s.doc.Failed)
	}
	s.members = []Member{s.members[0], {ID: "c"}}
	s.plan("a:1 - a:3 a:4 - -")
	if s.doc.Failed == "" || s.doc.Names("c") {
		t.Errorf("what failed takes nobody in: %+v", s.doc)
	}
}

package assign

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func sample() Document {
	return Document{
		Nonce: 1 << 63, Version: 4, Next: 5, Leader: "a", Drain: true, Workers: []string{"a", "b"},
		Tasks: []Slot{
			{Placement: Placement{"b", 4}, Moved: 4, Prev: Placement{"a", 1}},
			{Placement: Placement{"a", 2}, Moved: 1, Done: true},
			{},
		},
	}
}

func TestDecodeRefuses(t *testing.T) {
	for want, spoil := range map[string]func(*Document){
		"no nonce":           func(d *Document) { d.Nonce = 0 },
		"no version":         func(d *Document) { d.Version = 0 },
		"next instance 0":    func(d *Document) { d.Next = 0 },
		"next instance 1677": func(d *Document) { d.Next = Instances + 1 },
		"tasks in place of":  func(d *Document) { d.Tasks = d.Tasks[:2] },
		"listed twice":       func(d *Document) { d.Workers = []string{"a", "b", "a"} },
		"has no name":        func(d *Document) { d.Workers = []string{"a", "b", ""} },
		"task 0: instance 5": func(d *Document) { d.Tasks[0].Instance = 5 },
		"task 1: instance 0": func(d *Document) { d.Tasks[1].Instance = 0 },
		`on worker "c"`:      func(d *Document) { d.Tasks[1].Worker = "c" },
		`on worker ""`:       func(d *Document) { d.Tasks[0].Prev.Worker = "" },
		"former instance":    func(d *Document) { d.Tasks[0].Done = true },
		"is to come":         func(d *Document) { d.Tasks[1].Moved = 5 },
	} {
		d := sample()
		spoil(&d)
		if _, err := Decode(d.Encode(), 3); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(sample().Encode())
	f.Add([]byte(`{"nonce":"1","version":1,"next":1,"tasks":[{},{},{}]}`))
	f.Add([]byte(`{"nonce":"1","version":1e99}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := Decode(b, 3)
		if err != nil {
			return
		}
		if back, err := Decode(d.Encode(), 3); err != nil || !cmp.Equal(d, back) {
			t.Errorf("again: %v %s", err, cmp.Diff(d, back))
		}
		shape := Shape{{Spout: true}, {Spout: true, Index: 1}, {Component: 1}}
		members := []Member{{ID: "a", Status: Status{Nonce: d.Nonce, Applied: d.Version}}, {ID: "z"}}
		next, changed := Plan(d, shape, members) // whatever it says, it can be planned from
		if changed && d.Version < 1<<63 && d.Next < Instances/2 {
			if _, err := Decode(next.Encode(), 3); err != nil {
				t.Errorf("from %s to %s: %v", b, next.Encode(), err)
			}
		}
	})
}

func FuzzDecodeLease(f *testing.F) {
	l := Lease{Counter: 3, Status: Status{
		Nonce: 1 << 63, Applied: 2, Done: []Instance{{1, 2}}, Leaving: true, Quiet: true, Joined: -1, Host: "h",
	}}
	f.Add(l.Encode())
	f.Add([]byte(`{"counter":1,"nonce":7}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := DecodeLease(b)
		if err != nil {
			return
		}
		back, err := DecodeLease(l.Encode())
		if err != nil || back.Counter != l.Counter || !back.Equal(l.Status) {
			t.Errorf("%+v became %+v, %v", l, back, err)
		}
	})
}

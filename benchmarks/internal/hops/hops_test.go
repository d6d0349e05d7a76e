package hops

import "testing"

func TestRunPassesAll(t *testing.T) {
	for _, s := range []Spec{
		{Records: 10_003, Spouts: 5, Tasks: 2},
		{Records: 10_003, Spouts: 5, Tasks: 2, Untracked: true},
		{Records: 10_003, Spouts: 1, Tasks: 3, Pending: 1000, Hold: 500},
	} {
		u, err := Run(t.Context(), s)
		if err != nil || u.Count != 10_003 {
			t.Errorf("%+v: %+v, %v", s, u, err)
		}
	}
}

func TestIdleEnds(t *testing.T) {
	if _, err := Idle(t.Context(), Rest{Tasks: 2, Seconds: .01}); err != nil {
		t.Error(err)
	}
}

func TestLedgerEnds(t *testing.T) {
	for _, shuffled := range []bool{false, true} {
		u, err := Ledger(t.Context(), Book{Pending: 100, Ops: 10_000, Shuffled: shuffled})
		if err != nil || u.Count != 10_000 {
			t.Errorf("%+v, %v", u, err)
		}
	}
}

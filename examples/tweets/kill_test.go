package main

import (
	"testing"
	"time"
)

func TestKillsCountBetweenCommits(t *testing.T) {
	const second = time.Second
	k := killer{every: 3 * second}
	start := time.Now()
	at := func(s int) time.Time { return start.Add(time.Duration(s) * second) }
	if k.see(0, at(0)); k.due(at(100), false) {
		t.Error("killed before the first commit")
	}
	k.see(10, at(100))
	if k.due(at(102), false) || !k.due(at(103), false) || k.due(at(103), false) {
		t.Error("not killed three seconds later, and once")
	}
	if k.see(10, at(104)); k.landed != 0 {
		t.Error("a kill counts before the next commit")
	}
	if k.see(11, at(105)); k.landed != 1 || k.verdict() == nil {
		t.Errorf("%d landed", k.landed)
	}
	for i := range 4 {
		if !k.due(at(106+3*i), true) {
			t.Error("not killed, though there were not enough")
		}
	}
	if k.due(at(200), true) || !k.due(at(200), false) {
		t.Error("kills go on while the input is filled, and no longer")
	}
	if k.see(12, at(201)); k.landed != 6 || k.verdict() != nil {
		t.Errorf("%d landed, %v", k.landed, k.verdict())
	}
	if (&killer{}).verdict() != nil {
		t.Error("kills are missed where none were wanted")
	}
}

func TestThePaceLeavesTimeForTheKills(t *testing.T) {
	for _, n := range []uint64{1, 1000, 1_000_000} {
		if lasts := time.Duration(n) * time.Second / time.Duration(pace(n, 3*time.Second)); n > 1 && lasts < 21*time.Second {
			t.Errorf("%d records last %v", n, lasts)
		}
	}
}

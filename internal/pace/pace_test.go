package pace

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// While the source is busy, replays are at most a tenth of the live emits and the
// burst, whatever the order of events.
func TestReplaysAreATenth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p Pacer
		now := time.Unix(0, 0)
		live, replays := 0, 0
		p.Begin() // one more live emit is always on its way
		for range rapid.IntRange(1, 2000).Draw(t, "events") {
			if rapid.IntRange(0, 3).Draw(t, "kind") > 0 {
				p.Begin()
				p.Live()
				live++
			} else if p.Replay(now) == 0 {
				replays++
			}
			now = now.Add(time.Duration(rapid.IntRange(0, 50).Draw(t, "ms")) * time.Millisecond)
			if replays > live/share+burst {
				t.Fatalf("%d replays among %d live emits", replays, live)
			}
		}
	})
}

// Live emits do give replays their share.
func TestReplaysAreNotStarved(t *testing.T) {
	var p Pacer
	now, replays := time.Unix(0, 0), 0
	for range 1000 {
		p.Begin()
		p.Live()
		for p.Replay(now) == 0 {
			replays++
		}
	}
	if replays < 100 || replays > 110 {
		t.Fatalf("%d replays among 1000 live emits", replays)
	}
}

func TestIdleSource(t *testing.T) {
	var p Pacer
	now := time.Unix(1, 0)
	for range burst {
		if p.Replay(now) != 0 {
			t.Fatal("the burst is refused")
		}
	}
	if w := p.Replay(now); w != grace {
		t.Fatalf("wait %v after the burst", w)
	}
	if w := p.Replay(now.Add(grace / 2)); w != grace/2 {
		t.Fatalf("wait %v halfway", w)
	}
	for range 100 {
		if w := p.Replay(now.Add(grace)); w != 0 {
			t.Fatalf("wait %v when idle", w)
		}
	}
	p.Live() // not idle any more
	if w := p.Replay(now.Add(2 * grace)); w != grace {
		t.Fatalf("wait %v after a live emit", w)
	}
	p.Begin() // blocked: not idle, for however long
	if w := p.Replay(now.Add(time.Hour)); w != grace {
		t.Fatalf("wait %v beside a blocked emit", w)
	}
	p.Cancel()
}

package assign

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var begin = time.Unix(1000, 0)

func sec(s float64) time.Time { return begin.Add(time.Duration(s * float64(time.Second))) }

// hear lets the observer, "me", hear itself every second from from to to.
func hear(l *Leases, from, to float64) {
	for s := from; s <= to; s++ {
		l.Observe("me", uint64(s*10)+10, sec(s))
	}
}

func (l *Leases) want(t *testing.T, at float64, alive ...string) {
	t.Helper()
	if got := l.Alive(sec(at)); !slices.Equal(got, alive) {
		t.Errorf("at %v s: %v are alive, not %v", at, got, alive)
	}
}

func TestLostAfterTTL(t *testing.T) {
	l := NewLeases("me", TTL)
	hear(l, 0, 0)
	l.Observe("a", 5, sec(0.5))
	l.Observe("b", 1, sec(0.5))
	hear(l, 1, 3)
	l.Observe("a", 5, sec(2)) // told again: no sign of life
	l.Observe("a", 4, sec(2))
	l.Observe("b", 2, sec(2))
	l.want(t, 3.4, "a", "b", "me")
	if at, ok := l.Next(sec(3)); !ok || at != sec(3.5) {
		t.Errorf("next at %v, %v", at.Sub(begin), ok)
	}
	l.want(t, 3.5, "b", "me")
	if lost := l.Lost(sec(3.5)); !slices.Equal(lost, []string{"a"}) {
		t.Errorf("lost are %v", lost)
	}
	l.Gone("b")
	l.want(t, 3.5, "me")
	l.Observe("a", 6, sec(3.6)) // it had not been deleted
	l.want(t, 3.6, "a", "me")
}

// TestAway: while the observer does not hear itself, the silence of others says
// nothing; when it hears itself again they have time to do the same.
func TestAway(t *testing.T) {
	l := NewLeases("me", TTL)
	hear(l, 0, 2)
	l.Observe("a", 1, sec(1.1))
	l.want(t, 60, "a", "me")
	if !l.Hears(sec(3.5)) || l.Hears(sec(3.6)) {
		t.Error("hears itself for half a TTL, no less and no more")
	}
	if at, ok := l.Next(sec(60)); ok {
		t.Errorf("next at %v", at.Sub(begin))
	}
	hear(l, 60, 60)
	l.want(t, 60.5, "a", "me")
	hear(l, 61, 62)
	l.want(t, 62.9, "a", "me") // a whole TTL from 60 on
	l.want(t, 63, "me")
}

func TestNothingHeardYet(t *testing.T) {
	l := NewLeases("me", TTL)
	l.Observe("a", 1, sec(0))
	l.want(t, 100, "a")
	hear(l, 100, 102)
	l.want(t, 102.9, "a", "me")
	l.want(t, 103, "me")
}

// TestNeverTooEarly: whatever the store's outages, a worker that renews in time
// whenever it can is never lost, and one that does not is, some time after.
func TestNeverTooEarly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := NewLeases("me", TTL)
		now, counter := begin, uint64(0)
		var mine, other time.Duration // since the last renewal
		const step = 50 * time.Millisecond
		tick := func(up, dead bool) {
			now = now.Add(step)
			mine, other = mine+step, other+step
			if up && mine >= Renewal {
				counter++
				l.Observe("me", counter, now)
				mine = 0
			}
			if up && !dead && other >= Renewal {
				counter++
				l.Observe("other", counter, now)
				other = 0
			}
		}
		l.Observe("other", 1, now)
		for range 40 {
			up := rapid.Bool().Draw(t, "up")
			for range rapid.IntRange(1, 100).Draw(t, "steps") {
				tick(up, false)
				if !l.Holds("other", now) {
					t.Fatalf("lost after %v, of which it could renew at any time", now.Sub(begin))
				}
			}
		}
		for range int(2 * (TTL + Renewal) / step) {
			tick(true, true)
		}
		if l.Holds("other", now) {
			t.Fatal("it is dead and not lost")
		}
	})
}

func TestHold(t *testing.T) {
	var h Hold
	if h.State(begin) != Lost {
		t.Error("a lease that was never taken is held")
	}
	h.Renewed(begin)
	for _, c := range []struct {
		at    float64
		state State
	}{{0, Held}, {1.999, Held}, {2, Doubtful}, {2.999, Doubtful}, {3, Lost}, {60, Lost}} {
		if s := h.State(sec(c.at)); s != c.state {
			t.Errorf("at %v s: state %d, not %d", c.at, s, c.state)
		}
	}
}

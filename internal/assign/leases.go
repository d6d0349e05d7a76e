package assign

import (
	"slices"
	"time"
)

// Leases judges whose lease holds, by the clock of the observer (A1).
//
// Silence counts only while the observer hears itself: its own renewals come back to
// it by the same way as those of the others. When the store is away, or was away for
// most of a lease's life, nobody's silence says anything about him, and no lease is
// lost for it. So Leases counts time in a clock of its own, which stands still when
// the observer's last renewal that it saw is older than half a TTL; and when the
// observer hears itself again after that, everyone has a whole TTL from then on: a
// renewal that was lost with the store's absence is tried again only some time later.
//
// Make one with [NewLeases].
type Leases struct {
	self  string
	ttl   time.Duration
	heard time.Time     // when self was last seen to rise; zero: never
	clock time.Duration // what had been counted then
	seen  map[string]sight
}

type sight struct {
	counter uint64
	at      time.Duration // by the clock
}

// NewLeases returns the judge of an observer whose own lease has the id self. A lease
// is lost when it was not raised for ttl.
func NewLeases(self string, ttl time.Duration) *Leases {
	return &Leases{self: self, ttl: ttl, seen: map[string]sight{}}
}

// Observe says that the lease of id was seen with that counter. A counter that has
// not risen is no sign of life.
func (l *Leases) Observe(id string, counter uint64, now time.Time) {
	s, known := l.seen[id]
	if known && counter <= s.counter {
		return
	}
	if id == l.self {
		away := now.Sub(l.heard) > l.ttl/2
		l.clock, l.heard = l.at(now), now
		if away {
			l.forgive()
		}
	}
	l.seen[id] = sight{counter, l.at(now)}
}

// forgive lets everyone's lease begin anew.
func (l *Leases) forgive() {
	for id, s := range l.seen {
		l.seen[id] = sight{s.counter, l.clock}
	}
}

// Gone says that the lease of id was deleted.
func (l *Leases) Gone(id string) { delete(l.seen, id) }

// Alive is whose lease holds, sorted.
func (l *Leases) Alive(now time.Time) []string { return l.pick(now, true) }

// Lost is whose lease is lost but not deleted, sorted.
func (l *Leases) Lost(now time.Time) []string { return l.pick(now, false) }

func (l *Leases) pick(now time.Time, alive bool) (ids []string) {
	for id := range l.seen {
		if l.Holds(id, now) == alive {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Holds reports whether the lease of id holds.
func (l *Leases) Holds(id string, now time.Time) bool {
	s, known := l.seen[id]
	return known && (id == l.self || l.at(now)-s.at < l.ttl)
}

// Hears reports whether the observer's own renewals come back to it: then the others
// see them, too, whatever it knows of their success.
func (l *Leases) Hears(now time.Time) bool {
	return !l.heard.IsZero() && now.Sub(l.heard) <= l.ttl/2
}

// Next is when the next lease will be lost if nothing more is seen; ok is false if
// none will.
func (l *Leases) Next(now time.Time) (at time.Time, ok bool) {
	still := l.clock + l.ttl/2
	for id, s := range l.seen {
		end := s.at + l.ttl
		if id == l.self || end <= l.at(now) || end > still {
			continue
		}
		if t := l.heard.Add(end - l.clock); !ok || t.Before(at) {
			at, ok = t, true
		}
	}
	return at, ok
}

// at is what the clock shows.
func (l *Leases) at(now time.Time) time.Duration {
	if l.heard.IsZero() {
		return 0
	}
	return l.clock + min(now.Sub(l.heard), l.ttl/2)
}

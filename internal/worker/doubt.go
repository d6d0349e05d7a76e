package worker

import "time"

// While a worker doubts its lease it asks its peers this often whether they doubt
// theirs, and believes an answer for so long. It waits for the first ones; together
// that is less than what is left of the lease then, a second.
const (
	pingEvery = 200 * time.Millisecond
	patience  = 300 * time.Millisecond
	believed  = time.Second
)

// A doubt is what a session knows while its lease is not renewed.
type doubt struct {
	since     time.Time // zero: there is none
	pinged    time.Time
	suspended bool
}

// weigh suspends the spouts while this worker cannot renew its lease, unless none of
// its peers can: then the store is away for all, and nobody takes over. Else it is
// cut off, and others are about to start its tasks. Without peers there is nobody who
// would (A6).
func (s *session) weigh(now time.Time) {
	d := &s.doubt
	on := false
	doubtful := s.member.Doubtful()
	s.links.Doubt(doubtful)
	if !doubtful {
		d.since = time.Time{}
	} else if d.since.IsZero() {
		d.since = now
		s.ping(now)
	} else {
		on = now.Sub(d.since) >= patience && !s.shared(now)
		s.ping(now)
	}
	if on || d.suspended {
		s.site.Suspend(on) // again: tasks may have opened meanwhile
	}
	if on == d.suspended {
		return
	}
	d.suspended = on
	if on {
		s.log.Warn("cut off from the store, which others may reach; spouts are suspended")
	} else {
		s.log.Info("no longer cut off; spouts go on")
	}
}

func (s *session) ping(now time.Time) {
	if now.Sub(s.doubt.pinged) < pingEvery {
		return
	}
	s.doubt.pinged = now
	for _, w := range s.doc.Workers {
		if p := s.peer(w); p != nil {
			p.Ping()
		}
	}
}

// shared reports whether all peers doubt their leases, too.
func (s *session) shared(now time.Time) bool {
	for _, w := range s.doc.Workers {
		if p := s.peer(w); p != nil && now.Sub(p.Doubts()) >= believed {
			return false
		}
	}
	return true
}

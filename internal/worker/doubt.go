package worker

import "time"

// While a worker doubts its lease it asks its peers for a sign of life this often,
// and believes that it is cut off when none came for so long. Together they are much
// less than what is left of the lease then, a second.
const (
	pingEvery = 200 * time.Millisecond
	silence   = 600 * time.Millisecond
)

// A doubt is what a session knows while its lease is not renewed.
type doubt struct {
	since     time.Time // zero: there is none
	pinged    time.Time
	suspended bool
}

// weigh suspends the spouts while this worker can neither renew its lease nor hears
// anybody: then it is probably cut off, and others are about to start its tasks. When
// the store alone is away the others are heard, and all goes on; without others there
// is nobody who would take over (A6).
func (s *session) weigh(now time.Time) {
	d := &s.doubt
	on := false
	if !s.member.Doubtful() {
		d.since = time.Time{}
	} else if d.since.IsZero() {
		d.since = now
		s.ping(now)
	} else {
		on = now.Sub(d.since) >= silence/2 && s.alone(now)
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
		s.log.Warn("cut off: neither the store nor a worker answers; spouts are suspended")
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

// alone reports whether there are peers and none was heard lately.
func (s *session) alone(now time.Time) bool {
	peers := 0
	for _, w := range s.doc.Workers {
		p := s.peer(w)
		if p == nil {
			continue
		}
		if peers++; now.Sub(p.Heard()) < silence {
			return false
		}
	}
	return peers > 0
}

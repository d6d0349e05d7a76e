package worker

// A retrier is a Conn that counts how often the net was not reached, or did not let
// the worker in.
type retrier interface{ Failures() uint64 }

// counters are the named counters of a session: those of its tasks, and what its wire
// did not take or did not find. The latter are there when they are not 0.
func (s *session) counters() map[string]int64 {
	all := s.site.Counters()
	add := func(name string, n uint64) {
		if n > 0 {
			all[name] += int64(n)
		}
	}
	for reason, n := range s.links.Stats().Reasons {
		add("frames rejected, "+reason, n)
	}
	add("frames dropped", s.conn.Dropped())
	if c, ok := s.conn.(retrier); ok {
		add("connection attempts failed", c.Failures())
	}
	return all
}

package kafka

import (
	"time"

	"github.com/waterspout/waterspout/internal/kafkaio"
)

// commitPause is between tries of a last commit.
const commitPause = 50 * time.Millisecond

// commitLoop commits what is finished, every CommitEvery and when hastened. It
// ends with Close.
func (s *Source) commitLoop() {
	defer close(s.ended)
	ticker := time.NewTicker(s.spec.CommitEvery)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			s.watch(now)
		case <-s.hasten:
		case <-s.stop:
			return
		}
		s.commit(*s.owned.Load())
	}
}

// commit sends what is finished of some ownerships and waits for the answer. A
// refused one is tried again at the next commit, with what is finished by then.
// It reports the first error.
func (s *Source) commit(owned []*ownership) error {
	s.turn <- struct{}{} // commits of a partition must not overtake each other
	defer func() { <-s.turn }()
	var points []kafkaio.Point
	var of []*ownership
	for _, o := range owned {
		if offset, dirty := o.dirty(); dirty {
			points = append(points, kafkaio.Point{Claim: o.claim, Offset: offset})
			of = append(of, o)
		}
	}
	var first error
	for i, err := range s.member.Commit(points...) {
		s.member.Troubled(of[i].claim.String(), err)
		if err == nil {
			if of[i].accepted(points[i].Offset) {
				s.rouse()
			}
		} else if first == nil {
			first = err
		}
	}
	return first
}

// commitLast commits what is finished of an ownership that ends, until the
// broker accepts it, says that the partition is somebody else's, or it takes too
// long (rule D3).
func (s *Source) commitLast(o *ownership) {
	for deadline := time.Now().Add(s.patience() / 2); ; time.Sleep(commitPause) {
		err := s.commit([]*ownership{o})
		if err == nil {
			return
		}
		if kafkaio.Lost(err) || time.Now().After(deadline) {
			offset, _ := o.dirty()
			s.log.Warn("kafka: the last commit of a partition was refused; its successor reads some records again",
				"partition", o.claim.String(), "offset", offset, "err", err)
			return
		}
	}
}

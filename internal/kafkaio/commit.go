package kafkaio

import (
	"errors"
	"fmt"

	"github.com/IBM/sarama"
)

// A Point is an offset to commit for a claim: the next one to read.
type Point struct {
	Claim  *Claim
	Offset int64
}

// Commit sends one request for the points and waits for the broker's answer.
// The result has one error per point, nil where the broker accepted it. It is
// fenced: the request carries the member id and generation of the claims'
// session, so that it is refused when the partition belongs to somebody else.
// (Claims of several sessions, which a Member does not hold at one time, take
// several requests.)
//
// Calls must not overlap for one partition: an earlier offset could arrive last.
func (m *Member) Commit(points ...Point) []error {
	errs := make([]error, len(points))
	sent := make([]bool, len(points))
	for i := range points {
		if !sent[i] {
			m.commitSession(points[i].Claim.session, points, errs, sent)
		}
	}
	return errs
}

// commitSession commits the points of one session.
func (m *Member) commitSession(session sarama.ConsumerGroupSession, points []Point, errs []error, sent []bool) {
	req := sarama.NewOffsetCommitRequest(m.conf, m.cfg.Group)
	req.ConsumerID = session.MemberID()
	req.ConsumerGroupGeneration = session.GenerationID()
	req.GroupInstanceId = m.instance()
	mine := func(i int) bool { return points[i].Claim.session == session }
	for i, p := range points {
		if mine(i) {
			req.AddBlockWithLeaderEpoch(p.Claim.Topic, p.Claim.Partition, p.Offset, -1, 0, "")
		}
	}
	resp, err := m.sendCommit(req)
	for i, p := range points {
		switch {
		case !mine(i):
			continue
		case err != nil:
			errs[i] = err
		default:
			errs[i] = m.answer(resp, p)
		}
		sent[i] = true
	}
}

func (m *Member) sendCommit(req *sarama.OffsetCommitRequest) (*sarama.OffsetCommitResponse, error) {
	coordinator, err := m.client.Coordinator(m.cfg.Group)
	if err != nil {
		return nil, fmt.Errorf("no coordinator of group %s: %w", m.cfg.Group, err)
	}
	resp, err := coordinator.CommitOffset(req)
	if err != nil {
		_ = coordinator.Close() // sarama opens it again at the next request
		_ = m.client.RefreshCoordinator(m.cfg.Group)
		return nil, fmt.Errorf("coordinator %s: %w", coordinator.Addr(), err)
	}
	return resp, nil
}

// answer is the broker's answer for one point. A partition it says nothing of
// was not committed.
func (m *Member) answer(resp *sarama.OffsetCommitResponse, p Point) error {
	code, found := resp.Errors[p.Claim.Topic][p.Claim.Partition]
	if !found {
		return sarama.ErrIncompleteResponse
	}
	if code == sarama.ErrNoError {
		return nil
	}
	m.coordinatorMoved(code)
	return code
}

// Lost reports whether the error of a commit says for good that the claim's
// session is over: then nothing of it can be committed any more.
func Lost(err error) bool {
	return errors.Is(err, sarama.ErrUnknownMemberId) || errors.Is(err, sarama.ErrFencedInstancedId)
}

package kafkaio

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
)

// checkGroup learns whether we may join, without joining.
func (m *Member) checkGroup(ctx context.Context) error {
	err := insist(ctx, m.conf, func() error {
		coordinator, err := m.client.Coordinator(m.cfg.Group)
		if err != nil {
			return err
		}
		err = probe(coordinator, m.cfg.Group)
		if asleep(err) {
			return nil // whoever joins asks it again
		}
		if err != nil {
			_ = m.client.RefreshCoordinator(m.cfg.Group) // one that is gone does not say that it moved
		}
		return err
	})
	switch {
	case errors.Is(err, sarama.ErrGroupAuthorizationFailed):
		return fmt.Errorf("kafka: no right to use group %s; allow Read on it: %w", m.cfg.Group, err)
	case err != nil:
		return fmt.Errorf("kafka: find the coordinator of group %s: %w", m.cfg.Group, err)
	}
	return nil
}

// probe sends a heartbeat of nobody. A coordinator at work refuses it for just that,
// unless we have no right to send any; then the error says so.
func probe(coordinator *sarama.Broker, group string) error {
	resp, err := coordinator.Heartbeat(&sarama.HeartbeatRequest{Version: 1, GroupId: group, GenerationId: -1, MemberId: "nobody"})
	if err != nil {
		_ = coordinator.Close() // sarama opens it again at the next request
		return err
	}
	if resp.Err == sarama.ErrGroupAuthorizationFailed || asleep(resp.Err) {
		return resp.Err
	}
	return nil
}

// asleep reports whether a broker says that it does not coordinate a group, or not yet.
func asleep(err error) bool {
	return errors.Is(err, sarama.ErrOffsetsLoadInProgress) ||
		errors.Is(err, sarama.ErrConsumerCoordinatorNotAvailable) ||
		errors.Is(err, sarama.ErrNotCoordinatorForConsumer)
}

// leastPause is between two looks at a coordinator that is away, whatever the
// configuration says.
const leastPause = 100 * time.Millisecond

// outlast is called after a dial to addr, which may have failed, and reports whether
// the coordinator of the group is there and was away, so that to dial again is what
// helps. While there are claims to lose it waits for it to be at work.
//
// sarama gives a membership up after four heartbeats that it could not send, which at
// a closed port, or one that hangs up, is a matter of milliseconds. The partitions are
// let go at once, and what was written and is not committed is read again. The
// coordinator, though, keeps its members over its own restart, and counts their
// sessions anew: so the dial is what waits. The coordinator is looked up by another
// client, since the dial holds a lock that all of this one may need, and asked whether
// it has read its group, since sarama takes "not yet" for the end, too. For one that is
// elsewhere by now this does not wait: sarama finds it as it joins again, and it
// accepts the commits of the session that ended.
func (m *Member) outlast(addr string, failed error) bool {
	m.away.Lock()
	defer m.away.Unlock()
	for away := failed != nil; m.claims.Load() > 0; away = true {
		if away && !sleep(m.ctx, max(m.conf.Metadata.Retry.Backoff, leastPause)) {
			return false
		}
		there, err := m.coordinates(addr)
		switch {
		case forGood(err) != "":
			m.trouble(err)
			return false
		case err == nil && (!there || !away):
			m.health.good(membership, m.cfg.Group)
			return false
		}
		m.health.bad(membership, m.cfg.Group, cmp.Or(err, failed, error(sarama.ErrNotConnected)))
		if err == nil {
			return true
		}
	}
	return false
}

// coordinates asks whether the group's coordinator is at addr. An error says that it
// is not at work, or nobody knows where.
func (m *Member) coordinates(addr string) (there bool, err error) {
	if err := m.client.RefreshCoordinator(m.cfg.Group); err != nil {
		return false, err
	}
	coordinator, err := m.client.Coordinator(m.cfg.Group)
	if err != nil || coordinator.Addr() != addr {
		return false, err
	}
	return true, probe(coordinator, m.cfg.Group)
}

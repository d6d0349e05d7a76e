package kafkaio

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
)

// A Start is a place in a partition that is found by asking the broker. The zero
// Start is the oldest record.
type Start struct {
	latest bool
	at     time.Time
}

// The places that need no time.
var (
	Earliest = Start{}
	Latest   = Start{latest: true}
)

// At is the first record with a time of t or later, or the end of the partition
// if there is none.
func At(t time.Time) Start { return Start{at: t} }

// String is earliest, latest, or the time.
func (s Start) String() string {
	switch {
	case s.latest:
		return "latest"
	case s.at.IsZero():
		return "earliest"
	}
	return s.at.UTC().Format(time.RFC3339Nano)
}

// resolve asks for the offset of s. The end is where a reader of our isolation
// stops: before an open transaction, if it reads committed records only.
func (m *Member) resolve(topic string, partition int32, s Start) (int64, error) {
	offset, err := m.listOffset(topic, partition, s.timestamp())
	if err == nil && offset < 0 { // no record is that young
		return m.listOffset(topic, partition, sarama.OffsetNewest)
	}
	return offset, err
}

// timestamp is what Kafka is asked for: milliseconds since 1970, or one of its names
// below zero, so that no time before 1970 can be asked for. No record is that old.
func (s Start) timestamp() int64 {
	if s.latest {
		return sarama.OffsetNewest
	}
	at := s.at.UnixMilli()
	if s.at.Nanosecond()%int(time.Millisecond) > 0 {
		at++ // a record of this millisecond is earlier
	}
	if s.at.IsZero() || at < 0 {
		return sarama.OffsetOldest
	}
	return at
}

// listOffset is sarama's Client.GetOffset with our isolation level.
func (m *Member) listOffset(topic string, partition int32, at int64) (int64, error) {
	leader, err := m.client.Leader(topic, partition)
	if err != nil {
		return 0, err
	}
	offset, err := m.offsetAt(leader, topic, partition, at)
	if _, said := errors.AsType[sarama.KError](err); err != nil && !said {
		_ = m.client.RefreshMetadata(topic) // one that is gone does not say that it moved
	}
	return offset, err
}

// offsetAt is listOffset with the leader, whose connection it closes if that fails.
func (m *Member) offsetAt(leader *sarama.Broker, topic string, partition int32, at int64) (int64, error) {
	req := sarama.NewOffsetRequest(m.conf.Version)
	req.IsolationLevel = m.conf.Consumer.IsolationLevel
	req.AddBlock(topic, partition, at, 1)
	resp, err := leader.GetAvailableOffsets(req)
	if err != nil {
		_ = leader.Close() // sarama opens it again at the next request
		return 0, err
	}
	block := resp.GetBlock(topic, partition)
	switch {
	case block == nil || len(block.Offsets) == 0 && block.Err == sarama.ErrNoError:
		return 0, sarama.ErrIncompleteResponse
	case block.Err != sarama.ErrNoError:
		if leaderMoved(block.Err) {
			_ = m.client.RefreshMetadata(topic) // its failure shows at the retry
		}
		return 0, block.Err
	}
	return block.Offsets[0], nil
}

// End is where the partition ends now, for a reader of our isolation: the
// offset that the next record it can read will have at least.
func (m *Member) End(topic string, partition int32) (int64, error) {
	return m.resolve(topic, partition, Latest)
}

// Ends are the ends now of all partitions of the topics. If ctx ends before, the Member is
// good for Close only.
func (m *Member) Ends(ctx context.Context) (map[string]map[int32]int64, error) {
	defer context.AfterFunc(ctx, m.clientWires.end)()
	ends := map[string]map[int32]int64{}
	for _, topic := range m.cfg.Topics {
		partitions, err := m.client.Partitions(topic)
		if err != nil {
			return nil, cmp.Or(context.Cause(ctx), fmt.Errorf("partitions of topic %s: %w", topic, err))
		}
		ends[topic] = map[int32]int64{}
		for _, p := range partitions {
			err := insist(ctx, m.conf, func() (err error) {
				ends[topic][p], err = m.End(topic, p)
				return err
			})
			if err != nil {
				return nil, cmp.Or(context.Cause(ctx), fmt.Errorf("end of %s/%d: %w", topic, p, err))
			}
		}
	}
	return ends, nil
}

// Committed asks what the group has committed, by topic and partition; -1 is
// nothing.
func (m *Member) Committed(partitions map[string][]int32) (map[string]map[int32]int64, error) {
	coordinator, err := m.client.Coordinator(m.cfg.Group)
	if err != nil {
		return nil, err
	}
	resp, err := coordinator.FetchOffset(sarama.NewOffsetFetchRequest(m.conf.Version, m.cfg.Group, partitions))
	if err != nil {
		_ = coordinator.Close()
		_ = m.client.RefreshCoordinator(m.cfg.Group) // one that is gone does not say that it moved
		return nil, err
	}
	committed := map[string]map[int32]int64{}
	for topic, ps := range partitions {
		committed[topic] = map[int32]int64{}
		for _, p := range ps {
			block := resp.GetBlock(topic, p)
			if resp.Err == sarama.ErrGroupIDNotFound || block != nil && block.Err == sarama.ErrGroupIDNotFound {
				committed[topic][p] = -1 // nobody has joined yet
				continue
			}
			if block == nil {
				if resp.Err != sarama.ErrNoError {
					m.coordinatorMoved(resp.Err)
					return nil, resp.Err
				}
				return nil, sarama.ErrIncompleteResponse
			}
			if block.Err != sarama.ErrNoError {
				m.coordinatorMoved(block.Err)
				return nil, block.Err
			}
			committed[topic][p] = block.Offset
		}
	}
	return committed, nil
}

// coordinatorMoved looks the coordinator up again, if err says that it is
// elsewhere.
func (m *Member) coordinatorMoved(err error) {
	if errors.Is(err, sarama.ErrNotCoordinatorForConsumer) || errors.Is(err, sarama.ErrConsumerCoordinatorNotAvailable) {
		_ = m.client.RefreshCoordinator(m.cfg.Group) // its failure shows at the retry
	}
}

// leaderMoved reports whether another broker may have the partition now.
func leaderMoved(err sarama.KError) bool {
	switch err {
	case sarama.ErrNotLeaderForPartition, sarama.ErrLeaderNotAvailable, sarama.ErrUnknownTopicOrPartition,
		sarama.ErrReplicaNotAvailable, sarama.ErrFencedLeaderEpoch, sarama.ErrUnknownLeaderEpoch:
		return true
	}
	return false
}

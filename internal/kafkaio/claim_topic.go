package kafkaio

import (
	"fmt"

	"github.com/IBM/sarama"
)

// recognise asks the leader, over a new connection, for the topic's id. A topic that
// was deleted and created again under its name is another one, in which a position
// means nothing although the offset may be there: then the batch says where to go on.
// Fetches name topics, but the deletion of one ends its fetches with an error, and
// each error ends a connection. Brokers before 2.8 have no ids.
func (f *fetcher) recognise() (b Batch, anew bool, err error) {
	m, c := f.claim.member, f.claim
	resp, err := f.conn.GetMetadata(sarama.NewMetadataRequest(m.conf.Version, []string{c.Topic}))
	if err == nil && len(resp.Topics) == 0 {
		err = sarama.ErrIncompleteResponse
	}
	if err == nil && resp.Topics[0].Err != sarama.ErrNoError {
		err = resp.Topics[0].Err
	}
	if err != nil {
		return b, false, fmt.Errorf("look up topic %s at %s: %w", c.Topic, f.conn.Addr(), err)
	}
	id := resp.Topics[0].Uuid
	if f.topic != (sarama.Uuid{}) && id != (sarama.Uuid{}) && id != f.topic {
		b = Batch{Reset: true, Anew: true}
		if b.Next, err = m.resolve(c.Topic, c.Partition, m.cfg.OutOfRange); err != nil {
			return b, false, err
		}
		anew = true
	}
	if id != (sarama.Uuid{}) { // a broker that knows none says nothing of the topic
		f.topic = id
	}
	f.known = true
	return b, anew, nil
}

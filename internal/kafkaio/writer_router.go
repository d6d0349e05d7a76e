package kafkaio

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/IBM/sarama"
)

// lookupPause is how long a topic that could not be looked up is not asked for
// again, since a look-up blocks.
const lookupPause = time.Second

// share is how many bytes in a row go to one partition under load. A broker pays for
// each batch, and a request has one of every partition that was written to.
const share = 256 << 10

// A router finds the partition of a record: for a key where the Java client
// would (murmur2), for none the one that the chunk sticks to. It belongs to the
// Writer's caller.
type router[T any] struct {
	client sarama.Client
	topics map[string]*destination[T]
	last   *destination[T] // of the record before; never nil
	chunks uint32          // how many there were
	sticky uint32          // the partition of this chunk's keyless records, modulo the partitions
	stuck  int             // bytes since that changed
	keyed  sarama.Partitioner
	keyOf  sarama.ProducerMessage // how keyed wants a key
}

// A destination is a topic that is written to.
type destination[T any] struct {
	topic      string
	partitions []*partition[T] // of now: the first of all
	all        []*partition[T] // that there ever were: their numbers go on where they stopped
	looked     uint32          // the chunk in which its partitions were counted
	err        error           // of the last look-up
	again      time.Time       // when to look up after err
}

func newRouter[T any](client sarama.Client) router[T] {
	return router[T]{
		client: client, topics: map[string]*destination[T]{}, last: &destination[T]{}, sticky: rand.Uint32(),
		keyed: sarama.NewMurmur2Partitioner(""),
	}
}

// next begins a new chunk, after one of so many bytes. Keyless records go on to another
// partition when theirs had its share, or at once if no others are on their way: by
// bytes, and not with the batch that is sent, so that a slow broker gets no more than
// others (KIP-794).
func (r *router[T]) next(bytes int, alone bool) {
	r.chunks++
	if r.stuck += bytes; alone || r.stuck >= share {
		r.sticky++
		r.stuck = 0
	}
}

func (r *router[T]) partition(rec *Record, manual bool) (*partition[T], error) {
	d := r.last
	if d.topic != rec.Topic || len(d.partitions) == 0 {
		d = r.destination(rec.Topic)
		r.last = d
	}
	if d.looked != r.chunks {
		if err := r.count(d); err != nil {
			return nil, err
		}
	}
	n := uint32(len(d.partitions))
	switch {
	case manual:
		if rec.Partition < 0 || uint32(rec.Partition) >= n {
			return nil, &RefusedError{rec.Topic, fmt.Errorf("%w: %d of %d", sarama.ErrInvalidPartition, rec.Partition, n)}
		}
		return d.partitions[rec.Partition], nil
	case rec.Key == nil:
		return d.partitions[r.sticky%n], nil
	}
	r.keyOf.Key = sarama.ByteEncoder(rec.Key)
	p, err := r.keyed.Partition(&r.keyOf, int32(n))
	return d.partitions[p], err
}

func (r *router[T]) destination(topic string) *destination[T] {
	d := r.topics[topic]
	if d == nil {
		d = &destination[T]{topic: topic, looked: r.chunks - 1}
		r.topics[topic] = d
	}
	return d
}

// count looks up how many partitions a topic has, mostly in the client's memory.
func (r *router[T]) count(d *destination[T]) error {
	if d.topic == "" {
		return fmt.Errorf("%w: the record has no topic", sarama.ErrInvalidTopic)
	}
	if d.err != nil && time.Now().Before(d.again) {
		return d.known()
	}
	numbers, err := r.client.Partitions(d.topic)
	if err == nil && len(numbers) == 0 {
		err = sarama.ErrLeaderNotAvailable
	}
	if d.err = err; err != nil {
		d.again = time.Now().Add(lookupPause)
		return d.known()
	}
	for i := len(d.all); i < len(numbers); i++ {
		d.all = append(d.all, &partition[T]{topic: d.topic, number: int32(i), spoiled: true})
	}
	d.partitions = d.all[:len(numbers)] // a topic that was created anew may have fewer, and a broker may not know of all yet
	d.looked = r.chunks
	return nil
}

// known is the last look-up's error, for a topic that was never found: one that was
// keeps the partitions it had.
func (d *destination[T]) known() error {
	if len(d.partitions) > 0 {
		return nil
	}
	if errors.Is(d.err, sarama.ErrUnknownTopicOrPartition) {
		return &RefusedError{d.topic, d.err}
	}
	return d.err
}

package kafkaio

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/IBM/sarama"
)

// lookupPause is how long a topic that could not be looked up, or did not have what a
// record asks for, is not asked for again, since a look-up blocks.
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
	again      time.Time       // when the brokers may be asked again for what was not there
	putOff     int             // records for what is not there, since the brokers were asked
	owed       int             // of the records put off before that, how many have no refusal yet
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
		return r.numbered(d, rec.Partition)
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

// numbered is the partition of that number. What the client remembers is no ground for
// a refusal: partitions may have been added since.
func (r *router[T]) numbered(d *destination[T], number int32) (*partition[T], error) {
	if p := d.at(number); p != nil {
		return p, nil
	}
	asked := number >= 0 && !time.Now().Before(d.again)
	if asked {
		err := r.client.RefreshMetadata(d.topic)
		d.asked()
		if err == nil {
			err = r.look(d)
		}
		if err != nil {
			return nil, err
		}
		if p := d.at(number); p != nil {
			return p, nil
		}
	}
	err := fmt.Errorf("%w: %d of %d", sarama.ErrInvalidPartition, number, len(d.partitions))
	if number < 0 { // which no broker can change
		return nil, &RefusedError{d.topic, err}
	}
	return nil, d.missing(err, asked)
}

// at is the partition of that number, nil if the topic had none when it was counted.
func (d *destination[T]) at(number int32) *partition[T] {
	if number < 0 || int(number) >= len(d.partitions) {
		return nil
	}
	return d.partitions[number]
}

// count looks up how many partitions a topic has, mostly in the client's memory.
func (r *router[T]) count(d *destination[T]) error {
	if d.topic == "" {
		return fmt.Errorf("%w: the record has no topic", sarama.ErrInvalidTopic)
	}
	if d.err != nil && time.Now().Before(d.again) {
		return d.known(false)
	}
	if r.look(d) != nil {
		d.asked()
		return d.known(true)
	}
	return nil
}

// look takes the partitions from the client's memory. The client asks the brokers, and
// blocks, for a topic that is not there.
func (r *router[T]) look(d *destination[T]) error {
	numbers, err := r.client.Partitions(d.topic)
	if err == nil && len(numbers) == 0 {
		err = sarama.ErrLeaderNotAvailable
	}
	if d.err = err; err != nil {
		return err
	}
	for i := len(d.all); i < len(numbers); i++ {
		d.all = append(d.all, &partition[T]{topic: d.topic, number: int32(i), spoiled: true})
	}
	d.partitions = d.all[:len(numbers)] // a topic that was created anew may have fewer, and a broker may not know of all yet
	d.looked = r.chunks
	return nil
}

// known is the last look-up's error, for a topic that was never found: one that was
// keeps the partitions it had. asked says whether it was looked up for this record.
func (d *destination[T]) known(asked bool) error {
	if len(d.partitions) > 0 {
		return nil
	}
	if errors.Is(d.err, sarama.ErrUnknownTopicOrPartition) {
		return d.missing(d.err, asked)
	}
	return d.err
}

// asked notes that the brokers have told what there is.
func (d *destination[T]) asked() {
	d.again = time.Now().Add(lookupPause)
	d.owed, d.putOff = d.putOff, 0
}

// missing is the error of a record for what is not there. Who comes after the brokers
// were asked may be right by now, so it is to come again. Each answer refuses as many as
// were put off before it: else one record a second was refused, and the others stayed.
func (d *destination[T]) missing(err error, asked bool) error {
	switch {
	case asked:
	case d.owed > 0:
		d.owed--
	default:
		d.putOff++
		return err
	}
	return &RefusedError{d.topic, err}
}
